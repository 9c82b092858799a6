"""The exponent of N*(C) on 15 published IsoFLOP set-ups, and how biased approach 2 is where the truth is known.

Run: python -m benchmarks.isoflop_exponents
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from benchmarks._measured import measured_folder
from benchmarks._report import ReportTable, print_tables
from scaling.compute import tokens_from_flops
from scaling.errors import NotEnoughRuns
from scaling.estimators import (
    EnvelopeSettings,
    FrontierEstimate,
    IsoflopSettings,
    envelope_frontier,
    isoflop_frontier,
    parabola_frontier,
)
from scaling.estimators.surface import fitted_surface
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.observations import LossObservations

_SETUP = ["dataset", "hparams", "warmup", "decay", "param_count", "val"]
_WIDTHS = (2, 4, 8, 16)
_SURFACES = {
    "Hoffmann 2022, rounded (alpha .34, beta .28)": (0.34, 0.28),
    "the same, alpha / beta = 3 (.465, .155)": (0.465, 0.155),
}
# Open Athena's article on approach 2 (github.com/Open-Athena/scaling-law-analysis, experiment 4): D* at 1e24 FLOPs
# from 15 sizes at each of 1e17 ... 1e21.
_PUBLISHED_BIAS = {
    "Hoffmann 2022, rounded (alpha .34, beta .28)": (-0.33, -1.3, -2.9, -5.1),
    "the same, alpha / beta = 3 (.465, .155)": (-1.7, -6.5, -13.9, -23.1),
}


def isoflop_design(
    law: ChinchillaLaw, *, width: float, sizes: int = 15, noise: float = 0.0, seed: int = 0
) -> LossObservations:
    """Losses of `law`, with `noise` nats, at sizes from N*/width to N* width at 1e17, 1e18 ... 1e21 FLOPs."""
    size, tokens = [], []
    for compute in 10.0 ** np.arange(17, 22):
        size.append(float(law.optimum(compute)[0]) * np.geomspace(1 / width, width, sizes))
        tokens.append(tokens_from_flops(compute, size[-1]))
    n, d = np.concatenate(size), np.concatenate(tokens)
    loss = law.loss(n, d) + noise * np.random.default_rng(seed).standard_normal(len(n))
    return LossObservations(run=tuple(str(row) for row in range(len(n))), size=n, tokens=d, loss=loss)


def training_design(law: ChinchillaLaw, *, sizes: int, noise: float, seed: int) -> LossObservations:
    """Curves of 40 checkpoints from 2 to 400 tokens per parameter, each shifted as a whole by `noise` nats."""
    checkpoints = 40
    n = np.repeat(np.geomspace(1e7, 3e9, sizes), checkpoints)
    d = n * np.tile(np.geomspace(2, 400, checkpoints), sizes)
    shift = np.repeat(noise * np.random.default_rng(seed).standard_normal(sizes), checkpoints)
    run = tuple(f"r{row // checkpoints}" for row in range(len(n)))
    return LossObservations(run=run, size=n, tokens=d, loss=law.loss(n, d) + shift)


def exponents_table() -> ReportTable:
    """Exponent of N*(C) by three estimators beside the published one, one default setting for all."""
    folder = measured_folder() / "loss/porian"
    published = pd.read_csv(folder / "published_fits.csv").set_index(_SETUP)
    rows = []
    inside = 0
    for setup, group in pd.read_csv(folder / "isoflop_points.csv").groupby(_SETUP, sort=False):
        runs = LossObservations.from_frame(group[["n_params", "t_tokens", "loss"]], columns=_COLUMNS)
        low, high = published.loc[setup, ["a_lo95", "a_hi95"]]
        akima = isoflop_frontier(runs)
        hit = low <= akima.exponent <= high
        inside += hit
        ours = akima.exponent_quantiles((0.025, 0.975))
        rows.append(
            (
                " ".join(map(str, setup)),
                f"{published.loc[setup, 'a_n_exponent']:.4f} [{low:.4f}, {high:.4f}]",
                f"{akima.exponent:.4f} [{ours[0]:.4f}, {ours[1]:.4f}]",
                "yes" if hit else "NO",
                len(akima.dropped),
                _parabola(runs),
                _parametric(runs),
            )
        )
    return ReportTable(
        "Exponent a of N*(C) ~ C^a, Porian et al. 2024, 15 set-ups",
        ("set-up", "published [95 %]", "isoflop [95 %]", "inside", "budgets dropped", "parabola", "Chinchilla's law"),
        rows,
        notes=(
            f"{inside} of {len(rows)} inside the published interval; the default settings of `scaling frontier` for "
            "all. The parabola and the parametric answer have no bar: on grids as wide as these (losses to 8 nats) a "
            "parabola is no IsoFLOP curve, and no one law holds where networks have hardly begun to learn.",
        ),
    )


_COLUMNS = {"size": "n_params", "tokens": "t_tokens"}


def _parabola(runs: LossObservations) -> str:
    try:
        estimate = parabola_frontier(runs)
    except NotEnoughRuns:
        return "no 3 minima"
    return f"{estimate.exponent:.4f} ({len(estimate.dropped)} dropped)"


def _parametric(runs: LossObservations) -> str:
    surface = fitted_surface(runs)
    if surface is None:
        return "not determined"
    sizes = [float(surface.optimum(compute)[0]) for compute in (1e18, 1e19)]
    return f"{np.log10(sizes[1] / sizes[0]):.4f}"


def bias_table() -> ReportTable:
    """Relative error of D*(1e24) from exact losses."""
    rows = []
    for name, (alpha, beta) in _SURFACES.items():
        law = ChinchillaLaw(l_inf=1.69, a=406.4, alpha=alpha, b=410.7, beta=beta)
        for width, published in zip(_WIDTHS, _PUBLISHED_BIAS[name], strict=True):
            runs = isoflop_design(law, width=width)
            errors = []
            for estimate in (parabola_frontier, isoflop_frontier):
                bias = estimate(runs, surface=law).bias
                assert bias is not None
                errors.append(f"{100 * bias.tokens:+.2f} %")
            rows.append((name, f"±{width}x", f"{published:+.2f} %", *errors))
    return ReportTable(
        "Bias of IsoFLOP estimates without any noise: D* at 1e24 FLOPs from 1e17 ... 1e21",
        ("surface", "sizes about N*", "published (parabola)", "parabola", "isoflop (Akima)"),
        rows,
        notes=("15 sizes a budget. The slope is exact in every row: it is the intercept that is off.",),
    )


def coverage_table(*, repeats: int = 60) -> ReportTable:
    """How often nominal 90 % intervals of the exponent hold the truth, over simulated sets of runs."""
    (alpha, beta), *_ = _SURFACES.values()
    law = ChinchillaLaw(l_inf=1.69, a=406.4, alpha=alpha, b=410.7, beta=beta)
    true = beta / (alpha + beta)
    quick = IsoflopSettings(draws=200)
    rows = []
    for name, estimate in (("isoflop", isoflop_frontier), ("parabola", parabola_frontier)):
        for width, noise in ((4, 0.005), (4, 0.02), (16, 0.005)):
            made = (
                estimate(isoflop_design(law, width=width, sizes=7, noise=noise, seed=seed), settings=quick, surface=law)
                for seed in range(repeats)
            )
            rows.append((name, f"5 budgets, 7 sizes ±{width}x", f"{noise:g}", *_coverage(made, true, law)))
    for sizes in (12, 24):
        made = (
            envelope_frontier(
                training_design(law, sizes=sizes, noise=0.005, seed=seed),
                settings=EnvelopeSettings(draws=100, points=300),
                surface=law,
            )
            for seed in range(repeats)
        )
        rows.append(("envelope", f"{sizes} curves, 10M to 3B", "0.005", *_coverage(made, true, law)))
    return ReportTable(
        "Coverage of nominal 90 % intervals where Chinchilla's law is the truth",
        ("estimator", "runs", "noise, nats", "a: cover", "a: mean width", "N*(1e24): cover"),
        rows,
        notes=(
            f"{repeats} simulated sets a row (Monte Carlo error .04); the estimator is not told the noise of IsoFLOP "
            "runs. Intervals hold the bias that each estimate states, here computed on the true law; without it the "
            "parabola's on the widest grid cover N*(1e24) .28 of the time, the envelope's of 24 curves .85.",
        ),
    )


def _coverage(made: Iterable[FrontierEstimate], true: float, law: ChinchillaLaw) -> tuple[str, str, str]:
    size = float(law.optimum(1e24)[0])
    inside, width, beyond = [], [], []
    for estimate in made:
        low, high = estimate.exponent_quantiles((0.05, 0.95))
        inside.append(low <= true <= high)
        width.append(high - low)
        low, high = estimate.size_quantiles(1e24, (0.05, 0.95))
        beyond.append(low <= size <= high)
    return f"{np.mean(inside):.2f}", f"{np.mean(width):.3f}", f"{np.mean(beyond):.2f}"


def tables() -> list[ReportTable]:
    return [exponents_table(), bias_table(), coverage_table()]


if __name__ == "__main__":
    print_tables(tables())
