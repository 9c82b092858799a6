r"""Pareto-smoothed importance weights, and the shape that says whether they can be believed.

Source: Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling", section 3 and algorithm 1;
the tail is fitted by Zhang and Stephens 2009.
"""

from __future__ import annotations

import math
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array

_PRIOR_SHAPES = 10.0  # as so many observations of a shape of .5: the weakly informative prior of the source, appendix C


@final
class SmoothedWeights(NamedTuple):
    """Weights [set, draw], each set's summing to 1, and the tail's shape [set]: below .7 they can be believed."""

    weights: Float[Array, "set draw"]
    shape: Float[Array, "set"]

    @property
    def effective_size(self) -> Float[Array, "set"]:
        """Kish's effective number of draws."""
        size: Float[Array, "set"] = 1.0 / np.sum(self.weights**2, axis=1)
        return size

    @property
    def reliable(self) -> Bool[Array, "set"]:
        r"""Whether the shape is below $\min(1 - 1 / \log_{10} S, 0.7)$ (source, section 3.2.4)."""
        draws = self.weights.shape[1]
        believed: Bool[Array, "set"] = self.shape < min(1.0 - 1.0 / math.log10(draws), 0.7)
        return believed


def smooth_weights(log_weights: Float[Array, "set draw"]) -> SmoothedWeights:
    """The weights with the largest of each set replaced by expected order statistics of the Pareto fitted to them."""
    draws = log_weights.shape[1]
    log_weights = log_weights - log_weights.max(axis=1, keepdims=True)
    tail = math.ceil(min(0.2 * draws, 3.0 * math.sqrt(draws)))
    if tail < 5:
        weights = np.exp(log_weights)
        return SmoothedWeights(weights / weights.sum(axis=1, keepdims=True), np.full(len(weights), np.inf))
    order = np.argpartition(log_weights, draws - tail - 1, axis=1)[:, draws - tail - 1 :]
    ends = np.take_along_axis(log_weights, order, axis=1)
    rank = np.argsort(ends, axis=1)
    order, ends = np.take_along_axis(order, rank, axis=1), np.exp(np.take_along_axis(ends, rank, axis=1))
    cutoff = np.maximum(ends[:, :1], np.finfo(float).tiny)
    excess = ends[:, 1:] - cutoff
    flat = excess[:, -1] <= 1e-12  # all weights alike: nothing to smooth, and no tail
    shape, scale = _generalised_pareto(np.where(flat[:, np.newaxis], np.arange(1.0, tail + 1.0), excess))
    places = (np.arange(1, tail + 1) - 0.5) / tail
    with np.errstate(over="ignore"):
        smooth = scale[:, np.newaxis] * np.expm1(-shape[:, np.newaxis] * np.log1p(-places)) / shape[:, np.newaxis]
    smooth = np.where(flat[:, np.newaxis], ends[:, 1:], np.minimum(smooth + cutoff, 1.0))
    weights = np.exp(log_weights)
    np.put_along_axis(weights, order[:, 1:], smooth, axis=1)
    return SmoothedWeights(weights / weights.sum(axis=1, keepdims=True), np.where(flat, -np.inf, shape))


def _generalised_pareto(excess: Float[Array, "set tail"]) -> tuple[Float[Array, "set"], Float[Array, "set"]]:
    """Shape and scale from excesses in rising order: the posterior mean of Zhang and Stephens 2009, section 3."""
    count = excess.shape[1]
    points = 30 + int(math.sqrt(count))
    quarter = np.maximum(excess[:, int(count / 4.0 + 0.5) - 1], np.finfo(float).tiny)
    places = 1.0 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))
    theta = 1.0 / excess[:, -1:] + places / (3.0 * quarter[:, np.newaxis])  # [set, point]
    shape = np.log1p(-theta[:, :, np.newaxis] * excess[:, np.newaxis]).mean(axis=2)
    log_profile = count * (np.log(-theta / shape) - shape - 1.0)
    weight = np.exp(log_profile - log_profile.max(axis=1, keepdims=True))
    best = np.sum(theta * weight, axis=1) / weight.sum(axis=1)
    fitted = np.log1p(-best[:, np.newaxis] * excess).mean(axis=1)
    scale = -fitted / best
    return (count * fitted + 0.5 * _PRIOR_SHAPES) / (count + _PRIOR_SHAPES), scale
