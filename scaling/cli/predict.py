"""`scaling predict`: loss and scores of planned runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._options import (
    Covariates,
    FitName,
    Json,
    LevelsText,
    Plot,
    Store,
    TaskKeys,
    fit_facts,
    open_fit,
    read_counts,
    read_covariates,
    read_levels,
)
from scaling.cli._output import interval_name, note, number_interval, write_json, write_table
from scaling.errors import InvalidInput, NotFound, Violation
from scaling.units import format_count, parse_count

if TYPE_CHECKING:
    from scaling.posterior import Fit
    from scaling.predict.loss import LossForecast
    from scaling.predict.score import ScoreForecast

app = typer.Typer()

SizeText = Annotated[
    str | None, typer.Option("--size", help="Size, such as 70B; several by commas.", show_default=False)
]
TokensText = Annotated[
    str | None, typer.Option("--tokens", help="Training tokens, such as 1.4T; one, or one a size.", show_default=False)
]
PointsFile = Annotated[
    str | None,
    typer.Option("--points", help='JSON list of {"size": ..., "tokens": ...}; - reads stdin.', show_default=False),
]
RunLabel = Annotated[
    str | None,
    typer.Option("--run", help="Run of the fit that is trained on: its own effect is kept.", show_default=False),
]
LawAlone = Annotated[
    bool, typer.Option("--law-alone", help="Leave out the error of the law's form: what a parameter posterior says.")
]


@app.command()
def predict(
    name: FitName,
    *,
    size: SizeText = None,
    tokens: TokensText = None,
    points: PointsFile = None,
    covariates: Covariates = None,
    tasks: TaskKeys = None,
    levels: LevelsText = "0.05,0.5,0.95",
    run: RunLabel = None,
    law_alone: LawAlone = False,
    store: Store = None,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Forecast the loss of planned runs, and the score of tasks where asked.

    Example: scaling predict hoffmann-2022-approach-3 --size 70B --tokens 1.4T
    """
    from scaling.predict.loss import forecast_loss
    from scaling.predict.score import forecast_score

    chosen = read_levels(levels)
    fit = open_fit(name, store)
    if law_alone:
        fit = replace(fit, loss=fit.loss.law_alone())
        note("The law alone: these intervals take its form to be right, and hold less often the farther they reach.")
    if run is not None and run not in fit.loss.run_labels:
        known = ", ".join(fit.loss.run_labels[:10]) or "none (every row was its own run)"
        raise NotFound(f"The fit {fit.name!r} has no run {run!r} to continue. Its runs with checkpoints: {known}.")
    named = [spec.name for spec in fit.loss.law.covariates]
    sizes, counts, others = _points(size, tokens, points, covariates=named)
    others |= read_covariates(covariates, count=len(sizes))
    continued = () if run is None else (run,) * len(sizes)
    loss = forecast_loss(fit, sizes, counts, levels=chosen, covariates=others, runs=continued)
    scores = [forecast_score(fit, task, sizes, counts, levels=chosen, covariates=others) for task in tasks or ()]
    if plot is not None:
        from scaling.figures import draw_loss_law, draw_score_against_loss

        if tasks:
            draw_score_against_loss(fit, tasks[0], plot)
        else:
            draw_loss_law(_at_first(fit, others), plot, planned=(loss.n, loss.d))
    if as_json:
        write_json({"fit": fit_facts(fit), "levels": chosen, "loss": _loss_rows(loss), "scores": _score_rows(scores)})
        return
    _print_loss(fit, loss)
    for score in scores:
        _print_score(score)


def _at_first(fit: Fit, covariates: dict[str, list[float]]) -> Fit:
    """The fit at the first point's covariates: a figure has one curve for all points."""
    return fit.given(**{name: values[0] for name, values in covariates.items()})


def _points(
    size: str | None, tokens: str | None, points: str | None, *, covariates: Sequence[str]
) -> tuple[list[float], list[float], dict[str, list[float]]]:
    """Sizes and tokens of one length, from the options or from a JSON list, whose rows may hold covariates too."""
    if (points is None) == (size is None and tokens is None):
        raise InvalidInput("Give --size and --tokens, or --points with a JSON list.")
    if points is not None:
        return _points_from_json(points, covariates)
    if size is None or tokens is None:
        raise InvalidInput("A planned run has a size and tokens: give both --size and --tokens.")
    sizes, counts = read_counts(size, field="size"), read_counts(tokens, field="tokens")
    if len(counts) == 1:
        counts *= len(sizes)
    elif len(sizes) == 1:
        sizes *= len(counts)
    if len(sizes) != len(counts):
        raise InvalidInput(
            f"{len(sizes)} sizes and {len(counts)} token counts were given: give one token count, or one a size."
        )
    return sizes, counts, {}


def _points_from_json(
    source: str, covariates: Sequence[str]
) -> tuple[list[float], list[float], dict[str, list[float]]]:
    if source != "-" and not Path(source).is_file():
        raise NotFound(f"There is no file {source!r}.")
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"The points are no JSON: line {error.lineno}, {error.msg}.") from error
    rows = rows if isinstance(rows, list) else [rows]
    there = [name for name in covariates if any(isinstance(row, dict) and name in row for row in rows)]
    violations: list[Violation] = []
    columns: dict[str, list[float]] = {name: [] for name in ("size", "tokens", *there)}
    for index, row in enumerate(rows):
        for field, values in columns.items():
            try:
                values.append(parse_count(row[field]))
            except (KeyError, TypeError, ValueError):
                given = row.get(field, "nothing") if isinstance(row, dict) else row
                violations.append(Violation(f"points[{index}].{field}", f"{given!r} given, a count needed"))
    if violations or not rows:
        raise InvalidInput(
            'The points cannot be read: a JSON list of {"size": 7e9, "tokens": "1T"} is needed.', violations
        )
    return columns.pop("size"), columns.pop("tokens"), columns


def _print_loss(fit: Fit, loss: LossForecast) -> None:
    spread = interval_name(loss.levels)
    rows = [
        (
            format_count(loss.n[i]),
            format_count(loss.d[i]),
            number_interval(loss.trend_quantiles[:, i]),
            number_interval(loss.run_quantiles[:, i]),
            f"{loss.distance[i]:.1f}{' !' if loss.beyond_calibrated[i] else ''}",
        )
        for i in range(len(loss.n))
    ]
    headers = (
        "size",
        "tokens",
        f"loss of a typical run [{spread}]",
        f"of one new run [{spread}]",
        "e-folds beyond data",
    )
    write_table(f"{fit.name}: loss in nats per token", headers, rows)
    if fit.is_published:
        note("A published point estimate: it has no posterior, so no interval can be given.")
    if loss.beyond_calibrated.any():
        note("! further beyond the data than any back-test has shown the intervals to hold.")


def _print_score(score: ScoreForecast) -> None:
    spread = interval_name(score.levels)
    rows = [
        (
            format_count(score.n[i]),
            format_count(score.d[i]),
            number_interval(score.trend_quantiles[:, i]),
            number_interval(score.run_quantiles[:, i]),
            f"{score.p_emerged[i]:.2f}",
            f"{score.p_unknown[i]:.2f}",
        )
        for i in range(len(score.n))
    ]
    headers = ("size", "tokens", f"score [{spread}]", f"of one new run [{spread}]", "P(emerged)", "P(cannot tell yet)")
    write_table(f"Task {score.task}", headers, rows)


def _loss_rows(loss: LossForecast) -> list[dict[str, Any]]:
    return [
        {
            "size": loss.n[i],
            "token_count": loss.d[i],
            "trend_loss_nats_per_token": loss.trend_quantiles[:, i],
            "run_loss_nats_per_token": loss.run_quantiles[:, i],
            "distance_e_folds": loss.distance[i],
            "beyond_calibrated_range": bool(loss.beyond_calibrated[i]),
        }
        for i in range(len(loss.n))
    ]


def _score_rows(scores: list[ScoreForecast]) -> list[dict[str, Any]]:
    return [
        {
            "task": score.task,
            "size": score.n[i],
            "token_count": score.d[i],
            "trend_score": score.trend_quantiles[:, i],
            "run_score": score.run_quantiles[:, i],
            "emerged_probability": score.p_emerged[i],
            "unknown_probability": score.p_unknown[i],
        }
        for score in scores
        for i in range(len(score.n))
    ]
