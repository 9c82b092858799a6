"""Averaging of laws by how well each forecast what it had not seen: stacking, held to a prior where that is little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.errors import InvalidInput, NotEnoughRuns, Violation

_Fit = TypeVar("_Fit")
# Strength of the prior in held-out bands: with two or three bands, the usual case, it is worth as much as they are.
# Stacking alone then picks the law with the fewest coefficients and leaves it alone (measured on real splits).
DEFAULT_PRIOR_STRENGTH = 3.0
_EM_STEPS = 500


@final
@dataclass(frozen=True)
class LawMixture(Generic[_Fit]):
    """Fits of several laws with their weights.

    - `fits`: by law; `weights`: by law, positive, summing to 1.
    """

    fits: Mapping[str, _Fit]
    weights: Mapping[str, float]

    def draw_counts(self, total: int) -> dict[str, int]:
        """How many of `total` equal-weight draws each law gives: largest remainders, so that they sum to `total`."""
        exact = {name: weight * total for name, weight in self.weights.items()}
        counts = {name: int(value) for name, value in exact.items()}
        by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
        for name in by_remainder[: total - sum(counts.values())]:
            counts[name] += 1
        return counts

    def choose(self, total: int, *, available: int, rng: np.random.Generator) -> dict[str, Int[Array, "kept"]]:
        """Indices of the draws to take from each law's `available` ones so that all `total` weigh the same."""
        return {
            name: rng.choice(available, size=count, replace=count > available)
            for name, count in self.draw_counts(total).items()
        }


def average(
    fits_by_law: Mapping[str, _Fit],
    scores: Mapping[str, Float[Array, "band"]],
    *,
    prior: Mapping[str, float] | None = None,
    prior_strength: float = DEFAULT_PRIOR_STRENGTH,
) -> LawMixture[_Fit]:
    r"""The fits weighted by stacking: weights that maximise the score of the *mixture* on held-out bands.

    $w = \arg\max \sum_b \ln \sum_k w_k e^{s_{kb}} + \kappa \sum_k \pi_k \ln w_k$

    - `scores`: by law, the log predictive density of each band that was held out *beyond* the rows fitted (rolling
      origins), one number a band: the mean over its rows, which are no independent evidence. A law whose fit failed at
      a band has -inf there. Scores of interpolation (LOO) belong elsewhere: they never saw extrapolation.
    - `prior`: $\pi$, equal by default; `prior_strength`: $\kappa$, in bands. Without any band the prior is the answer.

    Raises `InvalidInput` for scores that do not fit the laws, `NotEnoughRuns` where no law was fitted.

    Source: Yao et al. 2018, eq. 3 (stacking of predictive distributions), with leave-future-out scores and a Dirichlet
    prior about $\pi$.
    """
    names = list(fits_by_law)
    if not names:
        raise NotEnoughRuns("No law could be fitted, so there is nothing to average. Add rows, or ask for other laws.")
    _check(names, scores, prior, prior_strength)
    start = np.asarray([1.0 if prior is None else prior[name] for name in names])
    start = start / start.sum()
    bands = np.stack([np.asarray(scores[name], dtype=np.float64) for name in names], axis=1)
    weights = _stack(bands[np.isfinite(bands).any(axis=1)], start, strength=prior_strength)
    return LawMixture(dict(fits_by_law), {name: float(weight) for name, weight in zip(names, weights, strict=True)})


def _stack(bands: Float[Array, "band law"], prior: Float[Array, "law"], *, strength: float) -> Float[Array, "law"]:
    """Expectation-maximisation of a mixture's weights: each step cannot lower the objective, which is concave."""
    density = np.exp(bands - bands.max(axis=1, keepdims=True)) if len(bands) else np.ones((0, len(prior)))
    weights = prior
    for _ in range(_EM_STEPS if len(bands) else 0):
        share = weights * density
        counts = (share / share.sum(axis=1, keepdims=True)).sum(axis=0) + strength * prior
        weights = counts / counts.sum()
    return weights


def _check(
    names: list[str],
    scores: Mapping[str, Float[Array, "band"]],
    prior: Mapping[str, float] | None,
    prior_strength: float,
) -> None:
    violations = [Violation("scores", f"no scores of {name!r}") for name in names if name not in scores]
    lengths = {np.shape(scores[name]) for name in names if name in scores}
    if len(lengths) > 1 or any(len(shape) != 1 for shape in lengths):
        violations.append(Violation("scores", f"shapes {sorted(lengths)} given, one number a band and law needed"))
    if any(np.isnan(np.asarray(scores[name])).any() for name in names if name in scores):
        violations.append(Violation("scores", "a score is NaN; give -inf to a law that failed at a band"))
    if prior is not None and not all(prior.get(name, 0.0) > 0 for name in names):
        violations.append(Violation("prior", "a positive number of every law needed"))
    if not prior_strength > 0:
        violations.append(Violation("prior_strength", f"{prior_strength:g} given, a number above zero needed"))
    if violations:
        raise InvalidInput("These laws cannot be averaged.", violations)
