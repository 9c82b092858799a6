"""Figures: the loss law with its band, score against loss with the onset's band, a task's forecast against size.

Each function draws one figure into a file whose suffix says the format (png, svg, pdf). They share no state: no
pyplot, no backend is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import training_flops
from scaling.curves.runs import CurveRun
from scaling.emergence import AbstractPath, ComputeOptimal
from scaling.errors import InvalidInput, StoreUnavailable, Unanswerable
from scaling.observations import LossObservations, ScoreObservations
from scaling.plan import split
from scaling.posterior import FACTOR_BOUNDS, Backtest, Fit, LossPosterior
from scaling.predict.annealing import ScheduleForecast
from scaling.predict.emergence import forecast_emergence
from scaling.predict.loss import forecast_loss, sorted_quantiles
from scaling.predict.score import forecast_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from scaling.estimators import FrontierEstimate

FORMATS = (".png", ".svg", ".pdf")
_LEVELS = (0.05, 0.5, 0.95)
_BEYOND = 30.0  # how far beyond the data a law is drawn, as a factor
_CURVES = 6
_GRID = 120
_INK, _BAND, _MARK, _QUIET = "#1b3a57", "#7fa8c9", "#c8553d", "#8a8a8a"


def draw_loss_law(
    fit: Fit, out: Path, *, planned: tuple[Float[Array, " point"], Float[Array, " point"]] | None = None
) -> None:
    """Loss against training compute: the runs, the law at some of their sizes, its frontier with a 90 % band.

    `planned` are sizes and tokens of runs not made yet: drawn with the interval that one new run would show. Where the
    law depends on more and the fit's covariates are not fixed, it is drawn at the middle of their range.
    """
    fit = _at_middle(fit)
    figure = _figure(out)
    axes = figure.subplots()
    observed = fit.observed
    if "size" in observed:
        size, tokens = np.asarray(observed["size"]), np.asarray(observed["tokens"])
        points = axes.scatter(
            training_flops(size, tokens), observed["loss"], c=np.log10(size), s=14, cmap="viridis", zorder=3
        )
        figure.colorbar(points, ax=axes, label="log10 size")
        _draw_size_curves(axes, fit, size, tokens)
    _draw_frontier(axes, fit, planned=planned)
    if planned is not None:
        forecast = forecast_loss(fit, *planned, levels=_LEVELS)
        low, middle, high = forecast.run_quantiles
        axes.errorbar(
            training_flops(forecast.n, forecast.d),
            middle,
            yerr=(middle - low, high - middle),
            fmt="*",
            color=_MARK,
            ms=10,
            capsize=3,
            label="planned run, 90 % interval",
            zorder=4,
        )
    axes.set(xscale="log", yscale="log", xlabel="training compute, FLOPs", ylabel="loss, nats per token")
    axes.set_title(f"{fit.name}: {fit.loss.law.formula}", fontsize=10)
    _plain_ticks(axes)
    _legend(axes)
    _save(figure, out)


def draw_score_against_loss(fit: Fit, task: str, out: Path, *, observed: ScoreObservations | None = None) -> None:
    """Score of `task` against loss (falling to the right): band of the link, chance, the onset's 90 % interval.

    `observed` are the scores that the fit was made from: a fit does not carry them.
    """
    posterior = fit.score(task)
    figure = _figure(out)
    axes = figure.subplots()
    margin = 0.15 * (posterior.highest_loss - posterior.lowest_loss)
    grid = np.linspace(posterior.lowest_loss - margin, posterior.highest_loss + margin, _GRID)
    low, middle, high = sorted_quantiles(posterior.score_at(grid), _LEVELS)
    axes.fill_between(grid, low, high, color=_BAND, alpha=0.5, lw=0, label="90 % of links")
    axes.plot(grid, middle, color=_INK, label="median")
    if observed is not None:
        _draw_score_points(axes, observed.for_task(task))
    axes.axhline(posterior.chance, color=_QUIET, ls=":", label="chance")
    _draw_onset(axes, fit, task)
    axes.axvline(posterior.lowest_loss, color=_QUIET, lw=0.8, label="lowest loss seen")
    axes.invert_xaxis()
    axes.set(xlabel=f"loss, nats per token ({fit.loss.validation_set})", ylabel=f"score ({posterior.metric})")
    axes.set_title(f"{task}: {posterior.verdict.replace('_', ' ')}, P(emerged) {posterior.p_emerged:.2f}", fontsize=10)
    _legend(axes)
    _save(figure, out)


def draw_emergence(
    fit: Fit, task: str, path: AbstractPath, out: Path, *, measured: Mapping[str, Float[Array, " point"]] | None = None
) -> None:
    """Forecast of `task` against size along `path`: score with its band, P(emerged), and N* with its 90 % interval.

    `measured` holds `size` and `score` of runs made since, to compare.
    """
    figure = _figure(out)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    sizes, tokens = _sizes_along(fit, path)
    forecast = forecast_score(fit, task, sizes, tokens, levels=_LEVELS)
    low, _, high = forecast.run_quantiles
    upper.fill_between(sizes, low, high, color=_BAND, alpha=0.5, lw=0, label="90 % of new runs")
    upper.plot(sizes, forecast.trend_quantiles[1], color=_INK, label="median of typical runs")
    upper.axhline(fit.score(task).chance, color=_QUIET, ls=":", label="chance")
    if measured is not None:
        upper.plot(measured["size"], measured["score"], "o", color=_MARK, ms=5, label="measured since")
    lower.plot(sizes, forecast.p_emerged, color=_INK, label="P(emerged)")
    lower.plot(sizes, forecast.p_unknown, color=_QUIET, ls="--", label="P(cannot tell yet)")
    answer = forecast_emergence(fit, task, path, levels=_LEVELS)
    if answer.at_onset is not None:
        ends = [min(end, float(sizes[-1])) for end in (answer.at_onset.size[0], answer.at_onset.size[-1])]
        for axes in (upper, lower):
            axes.axvspan(*ends, color=_MARK, alpha=0.15, lw=0, label="N*, 90 %" if axes is upper else None)
    largest = fit.loss.hull.largest_size
    if np.isfinite(largest):
        upper.axvline(largest, color=_QUIET, lw=0.8, label="largest size seen")
    lower.set(xscale="log", ylim=(-0.03, 1.03), xlabel=f"size, parameters ({path.describe()})", ylabel="probability")
    upper.set(ylabel=f"score ({fit.score(task).metric})")
    upper.set_title(f"{task}: {answer.verdict.replace('_', ' ')}", fontsize=10)
    _legend(upper)
    _legend(lower)
    _save(figure, out)


def draw_frontier(estimate: FrontierEstimate, runs: LossObservations, out: Path) -> None:
    """Two panels: loss against size at each compute with the minima; N* against compute with the power law's band.

    For the envelope the left panel holds the training curves' points and the sizes that win.
    """
    figure = _figure(out)
    figure.set_size_inches(10, 4.6)
    left, right = figure.subplots(1, 2)
    log_c = np.log10(training_flops(runs.size, runs.tokens))
    points = left.scatter(runs.size, runs.loss, c=log_c, s=10, cmap="viridis", zorder=3)
    figure.colorbar(points, ax=left, label="log10 compute, FLOPs")
    for curve in estimate.curves:
        left.plot(curve.size, curve.loss, color=_QUIET, lw=0.7)
    left.plot(
        [each.size for each in estimate.minima],
        [each.loss for each in estimate.minima],
        "*",
        color=_MARK,
        ms=9,
        label="lowest loss",
        zorder=4,
    )
    left.set(xscale="log", yscale="log", xlabel="size, parameters", ylabel="loss, nats per token")
    _plain_ticks(left)
    compute = np.array([each.compute for each in estimate.minima])
    grid = np.geomspace(compute.min(), compute.max() * _BEYOND, _GRID)
    low, high = np.stack([estimate.size_quantiles(each, (_LEVELS[0], _LEVELS[-1])) for each in grid], axis=1)
    right.fill_between(grid, low, high, color=_BAND, alpha=0.5, lw=0, label="90 %")
    right.plot(grid, [estimate.size_at(each) for each in grid], color=_INK, label=f"N* ~ C^{estimate.exponent:.3f}")
    spread = np.stack([each.size_quantiles((_LEVELS[0], _LEVELS[-1])) for each in estimate.minima], axis=1)
    sizes = np.array([each.size for each in estimate.minima])
    error = np.maximum(0.0, np.stack([sizes - spread[0], spread[1] - sizes]))
    right.errorbar(compute, sizes, yerr=error, fmt="*", color=_MARK, ms=8, capsize=3, label="minima, 90 %", zorder=4)
    right.set(xscale="log", yscale="log", xlabel="training compute, FLOPs", ylabel="N*, parameters")
    right.set_title(f"{estimate.estimator}", fontsize=10)
    for axes in (left, right):
        _legend(axes)
    _save(figure, out)


def draw_backtest(test: Backtest, out: Path, *, along: str = "compute") -> None:
    """Held-out losses over their forecasts, with 90 % intervals, against how far beyond the runs fitted they lie."""
    figure = _figure(out)
    axes = figure.subplots()
    # Neighbours at one factor would hide each other: a row's interval is drawn a little beside.
    places = test.factor * np.exp(0.02 * np.linspace(-1.0, 1.0, len(test)))
    for held, colour, label in ((True, _INK, "held"), (False, _MARK, "missed")):
        rows = test.held == held
        if rows.any():
            axes.vlines(
                places[rows], (test.low / test.median)[rows], (test.high / test.median)[rows], color=_BAND, lw=1.0
            )
            axes.plot(places[rows], (test.observed / test.median)[rows], "o", color=colour, ms=4, label=label, zorder=3)
    axes.axhline(1.0, color=_QUIET, lw=0.8)
    for bound in FACTOR_BOUNDS:
        axes.axvline(bound, color=_QUIET, ls=":", lw=0.8)
    axes.set(xscale="log", xlabel=f"{along} over the largest fitted", ylabel="observed loss / forecast")
    axes.set_title(
        f"{len(test)} forecasts: mean relative error {100 * test.mean_relative_error:.2f} %, "
        f"90 % intervals hold {100 * test.cover:.0f} %",
        fontsize=10,
    )
    _legend(axes)
    _save(figure, out)


def _at_middle(fit: Fit) -> Fit:
    """The fit with its covariates at the geometric middle of what its runs cover."""
    middle = {name: float(np.sqrt(low * high)) for name, (low, high) in fit.loss.hull.covariates.items()}
    return fit if fit.loss.at else fit.given(**middle)


def _draw_size_curves(axes: Axes, fit: Fit, size: Float[Array, " row"], tokens: Float[Array, " row"]) -> None:
    if set(fit.loss.law.variables) != {"n", "d"}:
        return
    there = np.unique(size)
    for each in there[np.linspace(0, len(there) - 1, min(_CURVES, len(there))).round().astype(int)]:
        seen = tokens[size == each]
        grid = np.geomspace(seen.min(), seen.max() * 2, 40)
        middle = np.median(fit.for_queries().loss.trend(np.full_like(grid, each), grid), axis=0)
        axes.plot(training_flops(each, grid), middle, color=_QUIET, lw=0.7)


def _draw_frontier(axes: Axes, fit: Fit, *, planned: tuple[Array, Array] | None) -> None:
    posterior = fit.for_queries().loss
    farthest = 0.0 if planned is None else float(np.max(np.multiply(*planned)))
    sizes, tokens, label = _frontier(fit, posterior, farthest=farthest)
    low, middle, high = sorted_quantiles(posterior.trend(sizes, tokens), _LEVELS)
    axes.fill_between(training_flops(sizes, tokens), low, high, color=_BAND, alpha=0.5, lw=0, label=label)
    axes.plot(training_flops(sizes, tokens), middle, color=_INK)


def _frontier(fit: Fit, posterior: LossPosterior, *, farthest: float) -> tuple[Array, Array, str]:
    """Sizes and tokens [point] along which to draw: the optimum, or the law's variable at the median of the other.

    `farthest` is a product of size and tokens that is to be reached.
    """
    hull = posterior.hull
    if set(posterior.law.variables) == {"n", "d"}:
        start = hull.smallest_size * hull.fewest_tokens
        if "size" in fit.observed:
            start = float(np.min(np.multiply(fit.observed["size"], fit.observed["tokens"])))
        flops = 6.0 * np.geomspace(start, max(hull.largest_product * _BEYOND, farthest), _GRID)
        return *split(posterior, flops, ComputeOptimal()), "compute-optimal, 90 % band"
    if "size" not in fit.observed:
        raise Unanswerable(f"The fit {fit.name!r} carries no runs to draw its law over.")

    def drawn(values: Float[Array, " row"], *, varies: bool) -> Float[Array, " point"]:
        if varies:
            return np.geomspace(values.min(), values.max() * _BEYOND, _GRID)
        return np.full(_GRID, np.median(values))

    size = drawn(np.asarray(fit.observed["size"]), varies="n" in posterior.law.variables)
    tokens = drawn(np.asarray(fit.observed["tokens"]), varies="d" in posterior.law.variables)
    return size, tokens, "law, 90 % band"


def _draw_score_points(axes: Axes, observed: ScoreObservations) -> None:
    order = np.argsort(observed.size)
    points = axes.scatter(
        observed.loss[order],
        observed.score[order],
        c=np.log10(observed.size[order]),
        s=14,
        cmap="viridis",
        zorder=3,
        label="checkpoints",
    )
    axes.figure.colorbar(points, ax=axes, label="log10 size")


def _draw_onset(axes: Axes, fit: Fit, task: str) -> None:
    posterior = fit.score(task)
    onset = posterior.onset[np.isfinite(posterior.onset)]
    if posterior.not_identified_below is None and len(onset):
        low, high = np.quantile(onset, (0.05, 0.95))
        axes.axvspan(low, high, color=_MARK, alpha=0.2, lw=0, label="onset, 90 %")


def _sizes_along(fit: Fit, path: AbstractPath) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    hull = fit.loss.hull
    if not np.isfinite(hull.largest_size):
        raise Unanswerable(f"The law {fit.loss.law.name!r} does not depend on size: nothing to draw against it.")
    reach = 6.0 * hull.largest_product * _BEYOND if np.isfinite(hull.largest_product) else None
    if reach is None:
        sizes = np.geomspace(hull.smallest_size, hull.largest_size * _BEYOND, _GRID)
        return path.size_and_tokens(fit.for_queries().loss.law[0], sizes)
    flops = np.geomspace(6.0 * hull.smallest_size * hull.fewest_tokens, reach, _GRID)
    return split(fit.for_queries().loss, flops, path)


def draw_curves(runs: Sequence[CurveRun], forecasts: Sequence[ScheduleForecast], out: Path) -> None:
    """Loss against steps: the logged runs, and each forecast with its band."""
    figure = _figure(out)
    axes = figure.subplots()
    for run in runs:
        axes.plot(run.step, run.loss, ".", ms=2.5, alpha=0.7, label=run.name)
    for index, forecast in enumerate(forecasts):
        low, high = forecast.checkpoint_quantiles[[0, -1]]
        middle = forecast.run_quantiles[len(forecast.levels) // 2]
        colour = (_MARK, _INK, _QUIET)[index % 3]
        axes.fill_between(forecast.step, low, high, color=colour, alpha=0.25, lw=0)
        axes.plot(forecast.step, middle, color=colour, label=forecast.schedule)
    axes.set(xscale="log", yscale="log", xlabel="optimiser steps", ylabel="loss, nats per token")
    _plain_ticks(axes)
    _legend(axes)
    _save(figure, out)


def _figure(out: Path) -> Figure:
    if out.suffix.lower() not in FORMATS:
        raise InvalidInput(f"{str(out)!r} cannot be drawn: the name must end in {', '.join(FORMATS)}.")
    from matplotlib.figure import Figure

    return Figure(figsize=(7, 4.6), dpi=150, layout="constrained")


def _plain_ticks(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(axes: Axes) -> None:
    axes.grid(visible=True, alpha=0.25, lw=0.5)
    axes.legend(fontsize=8, frameon=False)


def _save(figure: Figure, out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out)
    except OSError as error:
        raise StoreUnavailable(f"The figure {out} cannot be written: {error.strerror or error}.") from error
