r"""The error of a law's form given the law: a random walk that the residuals hold inside the data.

Law first, error second: the law is sampled as if its form were right, then $\delta$ is drawn given each draw of it
(a cut posterior; Liu, Bayarri and Berger 2009). Sampled together, the walk takes over what the law is there to explain:
exponents fall back on their priors, and intervals of real larger runs cover less (docs/forecasts.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations
from scaling.posterior import (
    NOISE_DEGREES_OF_FREEDOM,
    Axis,
    FormError,
    LossPosterior,
    axis_places,
    form_axes,
    knot_weights,
    walk_steps,
)

_REWEIGHTINGS = 5


@final
class LawDraws(NamedTuple):
    """Draws of a law with its noise: `noise_scale` and `run_scale` [draw] as in `LossPosterior`."""

    law: AbstractLaw
    noise_scale: Float[Array, "draw"]
    run_scale: Float[Array, "draw"]


@final
class HeldError(NamedTuple):
    """The form's error and the effects of the runs seen, given the residuals; no runs where each is one row."""

    form_error: FormError
    run_labels: tuple[str, ...]
    run_effect: Float[Array, "draw run"]


class _Residuals(NamedTuple):
    """Residuals of log loss, rows sorted by run; `first` is each run's first row."""

    residual: Float[Array, "draw row"]
    design: Float[Array, "row step"]
    run: Int[Array, "row"]
    first: Int[Array, "run"]


def axis_scale(scale: Float[Array, "..."], axes: tuple[Axis, ...]) -> Float[Array, "..."]:
    r"""$s_a$ of one axis from the scale $s$ of all together, both per square root of an e-fold.

    Along the diagonal a run whose compute lies $h$ e-folds beyond the data lies $h/2$ beyond in size and in tokens: the
    three walks have variance $2 h s_a^2$ there, which is $h s^2$ for $s_a = s / \sqrt 2$.
    """
    together = {axis.name for axis in axes} >= {"n", "d", "nd"}
    return scale / np.sqrt(2.0) if together else scale


def scale_of_all(form: FormError) -> Float[Array, "draw"]:
    """Draws of $s$ of all axes together: inverse of `axis_scale`."""
    return form.scale / axis_scale(np.ones(()), form.axes)


def growth_beyond(axes: tuple[Axis, ...], runs: LossObservations) -> Float[Array, "row"]:
    """Standard deviation of the form's error that is due to distance beyond the data, for s = 1."""
    variance = np.zeros(len(runs))
    for axis, place in zip(axes, axis_places(axes, runs.size, runs.tokens, runs.covariates), strict=True):
        variance += np.maximum(place - axis.high, 0.0) + np.maximum(axis.low - place, 0.0)
    return axis_scale(np.sqrt(variance), axes)


def hold_to_residuals(
    draws: LawDraws, runs: LossObservations, *, scale: Float[Array, "draw"], rng: np.random.Generator
) -> HeldError:
    r"""Draw $\delta$ and the run effects given each draw of the law: both are Gaussian given the residuals.

    With $G$ the walk's design and rows weighted by $w_i$ (a Student-t row counts as a normal one of variance
    $\sigma^2 / w_i$), the steps $z \sim N(0, I)$ have precision $I + \frac{s^2}{\sigma^2} (G' W G - \sum_j c_j g_j
    g_j')$, where $g_j = \sum_{i \in j} w_i G_i$ and $c_j = \tau^2 / (\sigma^2 + \tau^2 \sum_{i \in j} w_i)$ takes out
    the effect of run $j$. The weights are found at the median draw. `scale` is $s$ of all axes together.
    """
    axes = form_axes(type(draws.law), runs.size, runs.tokens, draws.law.needed_covariates(runs.covariates))
    labels, _, residuals = _residuals(draws.law, runs, axes)
    own = axis_scale(np.asarray(scale), axes)
    weight = _robust_weights(residuals, draws, own)
    steps, effect = _draw_steps(residuals, weight, draws.noise_scale, draws.run_scale, own, rng=rng)
    steps = steps.reshape(len(own), len(axes), -1)
    levels = np.stack([steps[:, i] @ walk_steps(axis).T for i, axis in enumerate(axes)], axis=1)
    form_error = FormError(
        axes=axes,
        scale=own,
        levels=own[:, np.newaxis, np.newaxis] * levels,
        beyond=rng.standard_normal((len(own), len(axes), 2)),
    )
    return HeldError(form_error, labels if effect.shape[1] else (), effect)


def mean_error_without(
    laws: AbstractLaw,
    posterior: LossPosterior,
    runs: LossObservations,
    *,
    left_out: Sequence[str | None],
    n: float,
    d: float,
    covariates: Mapping[str, Array],
) -> Float[Array, "fit"]:
    """Expected error of the form at one point beyond the data, given each of `laws` [fit] and all runs but one.

    `left_out` names the run, None where none is. Noise, run effects and the scale of the form's error are at the
    posterior's medians; the rows' weights are those about the first law, the axes those of all runs.
    """
    form = posterior.form_error
    if not form.axes:
        return np.zeros(len(left_out))
    _, order, residuals = _residuals(laws, runs, form.axes)
    noise, run_scale, own = (
        np.median(values, keepdims=True) for values in (posterior.noise_scale, posterior.run_scale, form.scale)
    )
    middle = LawDraws(laws, noise, run_scale)
    shares = _robust_weights(residuals._replace(residual=residuals.residual[:1]), middle, own)
    at = axis_places(form.axes, np.asarray([n]), np.asarray([d]), covariates)
    effect = np.concatenate(
        [
            knot_weights(np.atleast_1d(place), axis) @ walk_steps(axis)
            for place, axis in zip(at, form.axes, strict=True)
        ],
        axis=1,
    )[0]
    labels = np.asarray(runs.run)[order]
    found = []
    for index, label in enumerate(left_out):
        kept = np.ones(len(labels), dtype=bool) if label is None else labels != label
        first = np.flatnonzero(np.diff(residuals.run[kept], prepend=-1))
        without = _Residuals(
            residual=residuals.residual[index : index + 1, kept],
            design=residuals.design[kept],
            run=np.repeat(np.arange(len(first)), np.diff(first, append=int(kept.sum()))),
            first=first,
        )
        steps, _ = _draw_steps(without, shares[kept], noise, run_scale, own, rng=None)
        found.append(float(own[0] * (steps[0] @ effect)))
    return np.asarray(found)


def _residuals(
    laws: AbstractLaw, runs: LossObservations, axes: tuple[Axis, ...]
) -> tuple[tuple[str, ...], Int[Array, "row"], _Residuals]:
    """The runs' labels, the order of the rows by run, and the residuals in it."""
    labels, run = np.unique(np.asarray(runs.run), return_inverse=True)
    order = np.argsort(run, kind="stable")
    places = axis_places(axes, runs.size, runs.tokens, runs.covariates)
    design = [knot_weights(place, axis) @ walk_steps(axis) for place, axis in zip(places, axes, strict=True)]
    expected = laws[..., np.newaxis].log_loss(runs.size, runs.tokens, **runs.covariates)
    residuals = _Residuals(
        residual=(np.log(runs.loss) - expected)[:, order],
        design=np.concatenate(design, axis=1)[order],
        run=run[order],
        first=np.searchsorted(run[order], np.arange(len(labels))),
    )
    return tuple(str(label) for label in labels), order, residuals


def _robust_weights(residuals: _Residuals, draws: LawDraws, own: Any) -> Any:
    """Weights of the rows at the median draw: $(\\nu + 1) / (\\nu + (e_i / \\sigma)^2)$, repeated until they settle."""
    middle = residuals._replace(residual=np.median(residuals.residual, axis=0, keepdims=True))
    noise, run_scale, scale = (np.median(values, keepdims=True) for values in (draws.noise_scale, draws.run_scale, own))
    weight = np.ones(residuals.residual.shape[1])
    for _ in range(_REWEIGHTINGS):
        steps, effect = _draw_steps(middle, weight, noise, run_scale, scale, rng=None)
        left = middle.residual - scale * (steps @ residuals.design.T)
        if effect.shape[1]:
            left = left - effect[:, residuals.run]
        weight = (NOISE_DEGREES_OF_FREEDOM + 1) / (NOISE_DEGREES_OF_FREEDOM + (left[0] / noise) ** 2)
    return weight


def _draw_steps(
    residuals: _Residuals, weight: Any, noise: Any, run_scale: Any, scale: Any, *, rng: np.random.Generator | None
) -> tuple[Any, Any]:
    """Steps [draw, step] and run effects [draw, run]: a draw of both, or their mean where no `rng` is given."""
    if len(residuals.first) == len(residuals.run):
        steps = _draw_steps_of_single_rows(residuals, weight, noise, scale, rng=rng)
        return steps, np.zeros((len(steps), 0))
    design, first = residuals.design, residuals.first
    weighted = weight[:, np.newaxis] * design
    run_design = np.add.reduceat(weighted, first, axis=0)  # g_j
    run_weight = np.add.reduceat(weight, first)
    run_residual = np.add.reduceat(residuals.residual * weight, first, axis=1)
    run_variance = run_scale[:, np.newaxis] ** 2
    pooled = run_variance / (noise[:, np.newaxis] ** 2 + run_variance * run_weight)  # c_j
    outer = (run_design[:, :, np.newaxis] * run_design[:, np.newaxis, :]).reshape(len(first), -1)
    count = design.shape[1]
    information = (weighted.T @ design) - (pooled @ outer).reshape(-1, count, count)
    precision = np.eye(count) + ((scale / noise) ** 2)[:, np.newaxis, np.newaxis] * information
    pull = (scale / noise**2)[:, np.newaxis] * (residuals.residual @ weighted - (pooled * run_residual) @ run_design)
    steps = np.linalg.solve(precision, pull[..., np.newaxis])[..., 0]
    if rng is not None:
        white = rng.standard_normal(steps.shape)
        root = np.linalg.cholesky(precision)
        steps = steps + np.linalg.solve(np.swapaxes(root, -1, -2), white[..., np.newaxis])[..., 0]
    effect = pooled * (run_residual - scale[:, np.newaxis] * (steps @ run_design.T))
    if rng is not None:
        effect = effect + noise[:, np.newaxis] * np.sqrt(pooled) * rng.standard_normal(effect.shape)
    return steps, effect


def _draw_steps_of_single_rows(
    residuals: _Residuals, weight: Any, noise: Any, scale: Any, *, rng: np.random.Generator | None
) -> Any:
    """The same where every row is its own run: all draws share the axes of the information."""
    weighted = weight[:, np.newaxis] * residuals.design
    information, axes = np.linalg.eigh(weighted.T @ residuals.design)
    precision = 1.0 + ((scale / noise) ** 2)[:, np.newaxis] * np.maximum(information, 0.0)
    steps = (scale / noise**2)[:, np.newaxis] * (residuals.residual @ (weighted @ axes)) / precision
    if rng is not None:
        steps = steps + rng.standard_normal(steps.shape) / np.sqrt(precision)
    return steps @ axes.T
