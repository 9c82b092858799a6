"""Simulation-based calibration of every law and link that is found, each with spoilt posteriors that must be rejected.

python -m benchmarks.calibration                    # everything; about 25 CPU-minutes
python -m benchmarks.calibration --page PAGE        # and write docs/calibration.md
python -m benchmarks.calibration --part laws --law power --count 64
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from benchmarks._calibration_ladders import ladder_table
from benchmarks._calibration_laws import LEVEL, LawCalibration, Ranked, calibrate, small
from benchmarks._calibration_links import link_tables
from benchmarks._report import ReportTable, machine, print_tables
from scaling.laws import law_classes

PARTS = ("laws", "ladders", "links")
COUNT = 256
T = TypeVar("T")
HEAD = """# Calibration

Truths are drawn from each law's own priors, data from the truths, posteriors from the data: the rank of a truth among
99 thinned draws must then be uniform, for every coefficient and for anything that depends on the data too (Talts et
al. 2018; Modrak et al. 2023). The p-values are exact for the largest excursion of the ranks' ECDF beyond its
simultaneous band (Saeilynoja et al. 2022). Each posterior is also spoilt on purpose; a check that does not reject the
spoilt ones shows nothing.
"""


def tables(
    parts: Sequence[str] = PARTS, *, count: int = COUNT, laws: Sequence[str] = (), kept: Path | None = None
) -> list[ReportTable]:
    """The tables of these parts; what is among the `kept` outcomes is not computed again."""
    found: list[ReportTable] = []
    if "laws" in parts:
        outcomes = {
            name: _outcome(name, lambda name=name: _told(calibrate(law_classes()[name], count=count)), kept)
            for name in laws or law_classes()
        }
        found += law_tables(list(outcomes.values()))
    if "ladders" in parts:
        found += _outcome("ladders", lambda: [ladder_table(count=count // 2)], kept)
    if "links" in parts:
        found += _outcome("links", lambda: link_tables(count=count // 2, control_count=count // 4), kept)
    return found


def _outcome(name: str, compute: Callable[[], T], kept: Path | None) -> T:
    place = kept / f"{name}.pickle" if kept else None
    if place and place.exists():
        return cast("T", pickle.loads(place.read_bytes()))
    outcome = compute()
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(pickle.dumps(outcome))
    return outcome


def _told(calibration: LawCalibration) -> LawCalibration:
    own = f"p {calibration.own.p_value:.3f}" if calibration.own else "no ranks"
    print(
        f"{calibration.law}: {calibration.passed} of {calibration.drawn} passed, {own}, "
        f"{calibration.seconds:.0f} CPU-s",
        file=sys.stderr,
        flush=True,
    )
    return calibration


def law_tables(calibrations: Sequence[LawCalibration]) -> list[ReportTable]:
    """Verdicts of all laws, then the quantities that a forecast is made of."""
    level = LEVEL / len(calibrations)
    return [_verdicts(calibrations, level), _spreads(calibrations), _gates(calibrations)]


def _verdicts(calibrations: Sequence[LawCalibration], level: float) -> ReportTable:
    rows = []
    for each in calibrations:
        own = each.own
        rows.append(
            (
                each.law,
                each.passed,
                len(own.quantities) if own else "",
                f"{own.p_value:.3f} ({own.worst})" if own else "",
                ("holds" if own.p_value >= level else "**FAILS**") if own else "not tested",
                _control(each.narrow, level),
                _control(each.wrong_noise, level),
            )
        )
    return ReportTable(
        "Laws: ranks of the truths",
        ("law", "ranked", "quantities", "p (worst)", "", "narrowed to 70 %", "wrong noise"),
        rows,
        (
            "Quantities: every reference coordinate, the noise scale, the log likelihood, the loss at ten times the "
            "compute of the largest run (ten times the size or tokens, where the law knows only one of them), and "
            "ln N* at 97 % of the lowest loss seen (ln D*, ln C* where the law speaks of these).",
            "p: the smallest of the quantities' p-values times their number. A law fails below .05 / "
            f"{len(calibrations)} = {level:.4f}: once in twenty runs of this table would any exact one.",
            *_left_out(calibrations),
            "Narrowed: every draw moved 30 % of the way to the posterior's mean, on the real line. Wrong noise: 64 "
            "more data sets whose noise correlates at .9 between neighbouring rows, fitted as independent. In both "
            "columns: p, and how many quantities fail by themselves. These must be rejected.",
        ),
    )


def _left_out(calibrations: Sequence[LawCalibration]) -> list[str]:
    missing = sorted(set(law_classes()) - {each.law for each in calibrations})
    return [f"Laws that this run left out: {', '.join(missing)}."] if missing else []


def _control(ranked: Ranked | None, level: float) -> str:
    if ranked is None:
        return ""
    words = "rejected" if ranked.p_value < level else "**NOT REJECTED**"
    return f"{words}: {small(ranked.p_value)}, {ranked.rejected()} of {len(ranked.quantities)}"


def _spreads(calibrations: Sequence[LawCalibration]) -> ReportTable:
    rows = []
    for each in calibrations:
        if each.own is None or each.narrow is None:
            continue
        own, narrow = each.own.quantities, each.narrow.quantities
        cells = [
            f"{own[name].cover_90:.2f}, {own[name].spread:.2f} ({narrow[name].cover_90:.2f}, {narrow[name].spread:.2f})"
            for name in ("loss at 10x", "ln N*", "noise scale", "log likelihood")
        ]
        error = 3 * (0.09 / each.passed) ** 0.5
        rows.append((each.law, *cells, f"{error:.2f}"))
    return ReportTable(
        "Laws: cover of 90 % intervals, spread of the ranks (in brackets: narrowed to 70 %)",
        ("law", "loss at 10x", "ln N*", "noise scale", "log likelihood", "3 Monte Carlo errors of a cover"),
        rows,
        ("Spread: standard deviation of the ranks about the middle over that of uniform ones; above 1 is too narrow.",),
    )


def _gates(calibrations: Sequence[LawCalibration]) -> ReportTable:
    rows = [
        (
            each.law,
            each.design,
            each.refused,
            each.drawn,
            each.passed,
            each.longer,
            ", ".join(f"{name} {count}" for name, count in sorted(each.failures.items())),
            f"{each.seconds:.0f}",
        )
        for each in calibrations
    ]
    return ReportTable(
        "Laws: designs, and what the gate passed",
        ("law", "ladder", "not finite", "fitted", "passed", "by longer", "the gate held against the rest", "CPU-s"),
        rows,
        (
            "One observation a run; priors stated at the ladder's geometric middle and 3 nats; Student-t noise whose "
            "scale comes from its prior. Not finite: draws of the priors without a loss at some run, drawn again.",
            "Gate: R-hat at most 1.02, 198 effective draws, no divergence, of 4 x 300; HMC, then HMC with trajectories "
            "four times as long (`by longer`). NUTS, on which a single fit falls back, takes too long here.",
            "A gate is a function of the data and the seed alone: the ranks of what it passes are uniform still, and "
            "what it does not pass is not tested. Where it passes fewer than half of the first 64, no more are fitted; "
            "with fewer than 20 there are no ranks.",
        ),
    )


def write_page(path: Path, found: Sequence[ReportTable], *, parts: Sequence[str]) -> None:
    """The page of these tables, with the machine and versions."""
    sections = "\n".join(table.as_markdown() for table in found)
    written = f"Written by `make calibration` (parts: {', '.join(parts)}; of {', '.join(PARTS)}) on {machine()}."
    path.write_text(
        f"{HEAD}\n{written}\n\n{sections}",
        encoding="utf-8",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--law", action="append", default=[])
    parser.add_argument("--count", type=int, default=COUNT, help="data sets a law")
    parser.add_argument("--kept", type=Path, help="folder of outcomes by law: an interrupted run goes on from there")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    found = tables(given.part or PARTS, count=given.count, laws=given.law, kept=given.kept)
    print_tables(found)
    if given.page:
        write_page(given.page, found, parts=given.part or PARTS)


if __name__ == "__main__":
    main()
