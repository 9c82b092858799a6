r"""Which answers rest on the priors: the posterior under priors twice as wide.

In the coordinates without bounds the priors are normal, $N(m_k, s_k^2)$, so that doubling $s_k$ multiplies the density
by $\exp(\frac{1}{2} (1 - \frac{1}{4}) (z_k - m_k)^2 / s_k^2)$. The draws are reweighted by that, Pareto-smoothed
(power-scaling a prior; Kallioinen et al. 2024); where the smoothing's check fails, the wider posterior is sampled
afresh by importance about its own normal approximation.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.inference._numerics import float64
from scaling.inference.answers import Answers
from scaling.inference.form_error import hold_to_residuals, scale_of_all
from scaling.inference.leverage import Sampled
from scaling.inference.loss_program import loss_potential
from scaling.inference.nuts import Mode
from scaling.inference.pareto import smooth_weights
from scaling.inference.proposals import FEWEST_EFFECTIVE, Proposals, weighted_proposals
from scaling.laws import AbstractLaw
from scaling.posterior import AnswerName, Finding, FindingCode, PriorShift, WidenedPrior
from scaling.prior_specs import LogitNormal, LogNormal, Normal

TIMES_WIDER = 2.0
# Of the stated 90 % interval under the wider priors. With .8 left the interval misses twice as often as it says.
FEWEST_HELD = 0.8
_LEVELS = (0.05, 0.5, 0.95)
_FRESH = 1000
_LEAST_CURVATURE = 0.2  # of the wider posterior over the first: .25 where the runs say nothing
_EXPONENT = re.compile(r"alpha|beta|exponent|^k$")


@final
class _Wider(NamedTuple):
    """Answers [answer, draw] under the wider priors, their weights, and how they were come by."""

    log_values: Any
    weight: Any
    resampled: bool
    reliable: bool


def prior_sensitivity(sampled: Sampled, answers: Answers, *, rng: np.random.Generator) -> tuple[PriorShift, ...]:
    """Each answer under a floor's prior, then under exponents' priors, that are twice as wide.

    Empty for a law whose priors are not normal in the coordinates without bounds.
    """
    stated = _stated_answers(sampled, answers)
    found = []
    for prior in WidenedPrior:
        widened = _coordinates_of(prior, sampled.law_class)
        if not len(widened):
            continue
        wider = _under(widened, sampled, answers, stated, rng=rng)
        for index, answer in enumerate(answers.asked):
            low, median, high = np.quantile(stated[index], _LEVELS)
            values = wider.log_values[index]
            wide_low, wide_median, wide_high = _weighted_quantiles(values, wider.weight)
            found.append(
                PriorShift(
                    prior=prior,
                    answer=answer,
                    low=float(np.exp(low)),
                    median=float(np.exp(median)),
                    high=float(np.exp(high)),
                    wider_low=float(np.exp(wide_low)),
                    wider_median=float(np.exp(wide_median)),
                    wider_high=float(np.exp(wide_high)),
                    held=float(np.sum(wider.weight[(values >= low) & (values <= high)])),
                    resampled=wider.resampled,
                    reliable=wider.reliable,
                )
            )
    return tuple(found)


def sensitivity_findings(shifts: tuple[PriorShift, ...]) -> list[Finding]:
    """One finding for each prior whose widening leaves a stated 90 % interval less than 80 %."""
    found = []
    for prior, name in ((WidenedPrior.FLOOR, "the floor E's prior"), (WidenedPrior.EXPONENTS, "the exponents' priors")):
        called = [each for each in shifts if each.prior is prior and each.held < FEWEST_HELD]
        if not called:
            continue
        rough = "" if all(each.reliable for each in called) else " These are rough: the wider posterior mixes badly."
        verb = "widens" if prior is WidenedPrior.FLOOR else "widen"
        found.append(
            Finding(
                code=FindingCode.PRIOR_SENSITIVE,
                message=f"When {name} {verb} twofold, {'; '.join(describe_shift(each) for each in called)}. These "
                f"answers rest on that prior as much as on the runs.{rough}",
            )
        )
    return found


def describe_shift(shift: PriorShift) -> str:
    """`N*(1e23) moves by 1.60x up, and its 90 % interval [.., ..] would hold with 71 %`."""
    digits = 3 if shift.answer.name is AnswerName.LOSS else 2
    up = shift.factor >= 1.0
    factor = shift.factor if up else 1.0 / shift.factor
    return (
        f"{shift.answer} moves by {factor:.{digits}f}x {'up' if up else 'down'}, its 90 % interval becomes "
        f"{shift.wider_low:.4g} to {shift.wider_high:.4g} from {shift.low:.4g} to {shift.high:.4g}, which would hold "
        f"with {100 * shift.held:.0f} %"
    )


def _coordinates_of(prior: WidenedPrior, law_class: type[AbstractLaw]) -> Int[Array, "coordinate"]:
    """Places of the coordinates that the prior is on; none where one of them is not normal without bounds."""
    chosen = [
        (index, spec)
        for index, (name, spec) in enumerate(law_class.priors.items())
        if (name == "floor_share" if prior is WidenedPrior.FLOOR else _EXPONENT.search(name) is not None)
    ]
    normal = all(isinstance(spec, Normal | LogNormal | LogitNormal) for _, spec in chosen)
    return np.asarray([index for index, _ in chosen] if normal else [], dtype=np.intp)


def _stated_answers(sampled: Sampled, answers: Answers) -> Float[Array, "answer draw"]:
    at = (np.asarray([answers.size]), np.asarray([answers.tokens]))
    covariates = {name: value[np.newaxis] for name, value in answers.covariates.items()}
    error = sampled.posterior.form_error.at(*at, **covariates)[:, 0]
    return answers.log_values(sampled.posterior.law, error)


def _under(
    widened: Int[Array, "coordinate"],
    sampled: Sampled,
    answers: Answers,
    stated: Float[Array, "answer draw"],
    *,
    rng: np.random.Generator,
) -> _Wider:
    tilt = _Tilt.of(widened, sampled.law_class)
    smoothed = smooth_weights(tilt.log_density(sampled.positions)[np.newaxis])
    if smoothed.reliable[0] and smoothed.effective_size[0] >= FEWEST_EFFECTIVE:
        return _Wider(stated, smoothed.weights[0], resampled=False, reliable=True)
    proposals = _tilted_proposals(sampled, tilt, rng=rng)
    reliable = proposals.effective_size >= FEWEST_EFFECTIVE
    fresh = min(_FRESH, len(sampled.positions))
    draws = sampled.laws_at(proposals.resampled(fresh, rng=rng))
    share = float(np.median(sampled.posterior.noise_scale)) / float(np.median(draws.noise_scale))
    draws = draws._replace(
        noise_scale=draws.noise_scale * min(share, 1.0),
        run_scale=np.full(fresh, float(np.median(sampled.posterior.run_scale))),
    )
    error: Any = np.zeros(fresh)
    if sampled.posterior.form_error.axes:
        scale = rng.choice(scale_of_all(sampled.posterior.form_error), size=fresh)
        held = hold_to_residuals(draws, sampled.runs, scale=scale, rng=rng).form_error
        at = (np.asarray([answers.size]), np.asarray([answers.tokens]))
        error = held.at(*at, **{name: value[np.newaxis] for name, value in answers.covariates.items()})[:, 0]
    return _Wider(answers.log_values(draws.law, error), np.full(fresh, 1.0 / fresh), True, reliable)


@final
class _Tilt(NamedTuple):
    """Log density that the wider priors add, up to a constant: normal coordinates `index`, `middle` and `scale`."""

    index: Any
    middle: Any
    scale: Any

    @classmethod
    def of(cls, widened: Int[Array, "coordinate"], law_class: type[AbstractLaw]) -> _Tilt:
        specs = [list(law_class.priors.values())[index] for index in widened]
        middle = [
            np.log(spec.median) if isinstance(spec, LogNormal) else spec.loc
            for spec in specs
            if isinstance(spec, Normal | LogNormal | LogitNormal)
        ]
        scale = [spec.scale for spec in specs if isinstance(spec, Normal | LogNormal | LogitNormal)]
        return cls(widened, np.asarray(middle), np.asarray(scale))

    @property
    def precision(self) -> Any:
        """What the widening takes from each coordinate's precision."""
        return (1.0 - TIMES_WIDER**-2) / self.scale**2

    def log_density(self, position: Float[Array, "draw dim"]) -> Float[Array, "draw"]:
        """At each position."""
        added: Float[Array, "draw"] = 0.5 * (position[:, self.index] - self.middle) ** 2 @ self.precision
        return added


def _tilted_proposals(sampled: Sampled, tilt: _Tilt, *, rng: np.random.Generator) -> Proposals:
    """The wider posterior's sample; made once more about what the first found where that says too little."""
    potential = loss_potential(sampled.law_class)
    with float64():
        found = weighted_proposals(
            potential, sampled.data, _tilted_mode(sampled, tilt), rng=rng, log_tilt=tilt.log_density
        )
        if found.effective_size >= FEWEST_EFFECTIVE:
            return found
        about = Mode(*_moments(found.position, found.weight))
        return weighted_proposals(potential, sampled.data, about, rng=rng, log_tilt=tilt.log_density)


def _tilted_mode(sampled: Sampled, tilt: _Tilt) -> Mode:
    """The wider posterior as a normal: the precision of the draws less the prior's part of it."""
    mean, root = _moments(sampled.positions, np.full(len(sampled.positions), 1.0 / len(sampled.positions)))
    taken = np.zeros((len(mean), len(mean)))
    taken[tilt.index, tilt.index] = tilt.precision
    curvature, axes = np.linalg.eigh(np.eye(len(mean)) - root.T @ taken @ root)
    scale = root @ axes / np.sqrt(np.maximum(curvature, _LEAST_CURVATURE))
    pull = np.zeros(len(mean))
    pull[tilt.index] = tilt.precision * (mean[tilt.index] - tilt.middle)
    return Mode(mean + scale @ (scale.T @ pull), scale)


def _moments(position: Float[Array, "draw dim"], weight: Float[Array, "draw"]) -> tuple[Any, Any]:
    """Mean, and root of the covariance."""
    mean = weight @ position
    centred = position - mean
    covariance = centred.T @ (centred * weight[:, np.newaxis])
    return mean, np.linalg.cholesky(covariance + 1e-12 * np.trace(covariance) * np.eye(len(mean)))


def _weighted_quantiles(values: Float[Array, "draw"], weight: Float[Array, "draw"]) -> Float[Array, "level"]:
    order = np.argsort(values)
    cumulative = np.cumsum(weight[order])
    places = np.searchsorted(cumulative / cumulative[-1], _LEVELS)
    return values[order][np.minimum(places, len(values) - 1)]
