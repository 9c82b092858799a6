r"""Leave one schedule out: how wrong the response to annealing is beyond the schedules that it was fitted to.

The fit is made again without the runs of one schedule, cheaply (importance weights about the mode), and forecasts them.
Where their annealing is deeper or older than the rest's, the response may err by a walk of s per square root of an
e-fold; what those runs show of s joins its prior:

$p(s) \propto \mathrm{LogNormal}(s; s_0, .7) \prod_c N(r_c; 0, \Sigma_c + s^2 g_c g_c')^w$, $g = \rho \sqrt{b}$,

with r the observed less expected log loss, $\Sigma$ its covariance without the walk (law, error processes, noise),
$\rho = R/L$, and b the e-folds beyond, in depth and age together. The one direction in which the walk grows is judged,
as rolling origins judge it: a real law errs smoothly, and a walk's small steps, which it then lacks, would be evidence
against any s. $w = \min(1/2, 2 / \text{schedules})$: their refits share runs.

The prior is the error process of the model itself carried on: at its priors' medians, $\delta = .03$ and $\ell = .7$,
an Ornstein-Uhlenbeck process is at short range a walk of $s_0^2 = 2 \delta^2 / \ell$ per e-fold, $s_0 = .05$; a
spread of .7 is that of $\delta$.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from scaling._pytree import Array
from scaling.curves import AbstractCurveLaw
from scaling.curves.reach import AnnealingReach
from scaling.curves.runs import CurveRun
from scaling.inference.annealing_findings import by_schedule
from scaling.inference.annealing_program import curve_posterior, curve_potential
from scaling.inference.nuts import Mode, Potential, find_mode
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.models.annealing import ERROR_PRIORS, CurveData
from scaling.posterior import SMALLEST_CURVE_NOISE, KnownCurve

_MEDIAN = ERROR_PRIORS["response_error"].middle() * float(np.sqrt(2.0 / ERROR_PRIORS["length"].middle()))  # s_0
_SPREAD = 0.7  # of ln s
_GRID = np.linspace(-3.0, 3.0, 401)  # of ln s about the median
_MOST_REFITS = 6
_MOST_EVIDENCE = 2.0  # schedules that all refits together count for
_PROPOSALS, _ROUNDS, _KEPT = 1500, 3, 200
_DEGREES_OF_FREEDOM = 6.0
_ENOUGH = 300.0  # effective proposals after which no round follows
_FEWEST = 30.0  # effective proposals, below which a refit says nothing


@final
@dataclass(frozen=True)
class HeldOutSchedule:
    """What one schedule's runs show of the walk when the response is fitted without them.

    - `names`: of the runs. `beyond`: e-folds by which they lie beyond the rest, at most, depth and age.
    - `effective`: number of effective proposals of the refit.
    - `log_likelihood` [scale]: of their rows at each s of the grid, up to a constant.
    """

    names: tuple[str, ...]
    beyond: tuple[float, float]
    effective: float
    log_likelihood: Float[Array, "scale"]


@final
@dataclass(frozen=True)
class LearntGrowth:
    """Posterior of s on a grid, and the schedules that taught it."""

    scales: Float[Array, "scale"]
    probability: Float[Array, "scale"]
    held_out: tuple[HeldOutSchedule, ...]

    def draw(self, count: int, *, rng: np.random.Generator) -> Float[Array, "draw"]:
        """Independent draws of s."""
        return rng.choice(self.scales, size=count, p=self.probability)


def learnt_growth(
    law_class: type[AbstractCurveLaw],
    data: CurveData,
    curves: Mapping[str, KnownCurve],
    runs: Sequence[CurveRun],
    *,
    start: Float[Array, "dim"],
    seed: int,
    progress: Progress = silent,
) -> LearntGrowth:
    """s given every schedule that lies beyond the others; its prior where none does. Must run under `float64`.

    `curves` are the rows of `data`, in its order; `start` is the whole fit's mean, where each descent begins too.
    """
    peak = float(data.reference_rate)
    chosen = []
    for names in by_schedule(runs):
        rest = [curve.nodes for name, curve in curves.items() if name not in names]
        if rest:
            reach = AnnealingReach.of(rest, peak_rate=peak)
            most = np.max([reach.beyond(curves[name].nodes).max(axis=1) for name in names], axis=0)
            if most.any():
                chosen.append((names, (float(most[0]), float(most[1]))))
    chosen = sorted(chosen, key=lambda each: -sum(each[1]))[:_MOST_REFITS]
    shown = []
    for index, (names, most) in enumerate(chosen):
        progress(ProgressEvent("leaving schedules out", index, len(chosen)))
        rng = np.random.default_rng([seed, 5, index])
        effective, log_likelihood = _shown_by(law_class, data, curves, names, start=start, rng=rng)
        shown.append(HeldOutSchedule(names, most, effective, log_likelihood))
    progress(ProgressEvent("leaving schedules out", len(chosen), len(chosen)))
    power = min(0.5, _MOST_EVIDENCE / max(len(shown), 1))
    log_density = -0.5 * (_GRID / _SPREAD) ** 2
    log_density = log_density + power * sum(each.log_likelihood for each in shown if each.effective >= _FEWEST)
    return LearntGrowth(_scales(), np.exp(log_density - logsumexp(log_density)), tuple(shown))


def _scales() -> Float[Array, "scale"]:
    return _MEDIAN * np.exp(_GRID)


def _shown_by(
    law_class: type[AbstractCurveLaw],
    data: CurveData,
    curves: Mapping[str, KnownCurve],
    names: tuple[str, ...],
    *,
    start: Float[Array, "dim"],
    rng: np.random.Generator,
) -> tuple[float, Float[Array, "scale"]]:
    """Effective proposals of the refit without `names`, and the likelihood of their rows, a run's mean where several.

    The held-out runs become padding, so that one compiled program serves every refit.
    """
    out = np.asarray([name in names for name in curves])
    rest = data._replace(weight=data.weight & ~jnp.asarray(out)[:, None])
    draws, effective = _draws(law_class, rest, start, rng=rng)
    others = {name: curve for name, curve in curves.items() if name not in names}
    last_step = round(float(np.exp(max(curve.log_step[-1] for curve in others.values()))))
    posterior = curve_posterior(law_class, draws, data, others, last_step=last_step)
    total = np.zeros(len(_GRID))
    for name in names:
        curve = curves[name]
        expected, law = posterior.log_law(curve.nodes), posterior.law[..., np.newaxis]
        noise = np.mean(posterior.error["noise_scale"] ** 2) * curve.relative_rate**2 * curve.noise_share
        covariance = np.cov(expected.T) + posterior.covariance(curve.nodes, curve.log_step).mean(axis=0)
        covariance = covariance + np.diag(noise + SMALLEST_CURVE_NOISE**2)
        responded = np.mean(law.response(curve.nodes) / law.loss(curve.nodes), axis=0)
        grown = responded * np.sqrt(posterior.reach.beyond(curve.nodes).sum(axis=0))
        total += log_likelihood_of_scale(curve.log_loss - expected.mean(axis=0), covariance, grown, _scales())
    return effective, total / len(names)


def log_likelihood_of_scale(
    residual: Float[Array, "row"],
    covariance: Float[Array, "row row"],
    grown: Float[Array, "row"],
    scales: Float[Array, "scale"],
) -> Float[Array, "scale"]:
    r"""$\ln N(r; 0, \Sigma + s^2 g g')$ less that at s = 0: $-\frac12 \ln(1 + s^2 k) + \frac12 s^2 p^2 / (1 + s^2 k)$.

    $k = g' \Sigma^{-1} g$ and $p = g' \Sigma^{-1} r$ (Sherman and Morrison's inverse).
    """
    weighted = np.linalg.solve(covariance, grown)
    information, pull = float(weighted @ grown), float(weighted @ residual)
    variance = scales**2
    terms: Float[Array, "scale"] = 0.5 * (
        variance * pull**2 / (1.0 + variance * information) - np.log1p(variance * information)
    )
    return terms


@cache
def _density_program(potential: Potential) -> Any:
    return jax.jit(lambda positions, data: jax.lax.map(lambda position: potential(position, data), positions))


def _draws(
    law_class: type[AbstractCurveLaw], data: CurveData, start: Float[Array, "dim"], *, rng: np.random.Generator
) -> tuple[Float[Array, "draw dim"], float]:
    """Draws resampled from multivariate-t proposals about the mode, moved to the weighted sample in later rounds.

    Every round's weights are against that round's own proposal (population Monte Carlo; Cappe et al. 2004); the round
    with most effective proposals is kept.
    """
    potential = curve_potential(law_class)
    mode = find_mode(potential, data, start[np.newaxis])
    best: tuple[float, Any, Any] = (0.0, mode.position[np.newaxis], np.ones(1))
    for _ in range(_ROUNDS):
        proposals, log_weight = _proposed(potential, data, mode, rng=rng)
        weight = np.exp(log_weight - logsumexp(log_weight))
        effective = float(1.0 / np.sum(weight**2))
        if effective > best[0]:
            best = (effective, proposals, weight)
        if effective >= _ENOUGH:
            break
        mode = _moved(proposals, log_weight)
    effective, proposals, weight = best
    return proposals[rng.choice(len(weight), size=_KEPT, p=weight)], effective


def _proposed(
    potential: Potential, data: CurveData, mode: Mode, *, rng: np.random.Generator
) -> tuple[Float[Array, "draw dim"], Float[Array, "draw"]]:
    size, degrees = len(mode.position), _DEGREES_OF_FREEDOM
    stretch = np.sqrt(rng.chisquare(degrees, size=(_PROPOSALS, 1)) / degrees)
    white = rng.standard_normal((_PROPOSALS, size)) / stretch
    proposals = mode.position + white @ mode.scale.T
    log_proposal = -0.5 * (degrees + size) * np.log1p((white**2).sum(axis=1) / degrees)
    log_weight = -np.asarray(_density_program(potential)(jnp.asarray(proposals), data)) - log_proposal
    return proposals, np.where(np.isfinite(log_weight), log_weight, -np.inf)


def _moved(proposals: Float[Array, "draw dim"], log_weight: Float[Array, "draw"]) -> Mode:
    """The mean and spread of the weighted sample, its weights flattened until ten a coordinate count."""
    wanted = 10.0 * proposals.shape[1]
    for power in 0.75 ** np.arange(20):
        weight = np.exp(power * (log_weight - log_weight.max()))
        weight = weight / weight.sum()
        if 1.0 / np.sum(weight**2) >= wanted:
            break
    middle = weight @ proposals
    return Mode(middle, np.linalg.cholesky(np.cov(proposals.T, aweights=weight)))
