"""What a law's form leaves out: a random walk in log size, log tokens and log compute, held by the residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.laws import AbstractLaw

KNOTS = 8  # of a path over the data's range: the path is linear between them
_MIDDLE = KNOTS // 2  # the paths start here, at nothing: the law's own level is free


@final
@dataclass(frozen=True)
class Axis:
    """A quantity along which a law's form may err, and the natural logarithms of its range in the data.

    `name` is `n`, `d`, `nd` (their product, compute up to a factor) or a covariate's name.
    """

    name: str
    low: float
    high: float

    @property
    def knot_gap(self) -> float:
        """Distance of two knots in e-folds."""
        return (self.high - self.low) / (KNOTS - 1)


@final
@dataclass(frozen=True)
class FormError:
    r"""Draws of $\delta(N, D) = \sum_a W_a(\ln x_a)$, the error of the law's form on log loss.

    Each $W_a$ is a random walk whose increment over $h$ e-folds is $N(0, s^2 h)$: inside the data it is known from
    the residuals, at `KNOTS` places; beyond them nothing holds it, and its spread grows with the square root of the
    distance.

    - `axes`: the $x_a$: size, tokens and their product, where the law depends on both.
    - `scale` [draw]: $s$ of one axis, per square root of an e-fold.
    - `levels` [draw, axis, knot]: the walk inside the data.
    - `beyond` [draw, axis, 2]: standard normals, below and above the data; one of each a draw, so that all targets of
      one forecast share their error and crossings and frontiers come out right.
    """

    axes: tuple[Axis, ...]
    scale: Float[Array, "draw"]
    levels: Float[Array, "draw axis knot"]
    beyond: Float[Array, "draw axis 2"]

    @classmethod
    def none(cls, draws: int) -> Self:
        """No error of the form: the law alone."""
        return cls((), np.zeros(draws), np.zeros((draws, 0, KNOTS)), np.zeros((draws, 0, 2)))

    @classmethod
    def beyond_only(cls, axes: tuple[Axis, ...], scale: Float[Array, "draw"], *, rng: np.random.Generator) -> Self:
        """No error inside the data, the walk's spread beyond them: where no residuals are known."""
        draws = len(scale)
        shape = (draws, len(axes))
        return cls(axes, scale, np.zeros((*shape, KNOTS)), rng.standard_normal((*shape, 2)))

    def take(self, draws: Int[Array, "kept"]) -> Self:
        """These draws alone."""
        return replace(self, scale=self.scale[draws], levels=self.levels[draws], beyond=self.beyond[draws])

    def at(self, n: Float[Array, "*point"], d: Float[Array, "*point"], **covariates: Array) -> Float[Array, "draw *p"]:
        """The error of each draw at each point, added to log loss."""
        if not self.axes:
            return np.zeros((len(self.scale), *(1,) * max(np.ndim(n), np.ndim(d))))
        places = np.stack(np.broadcast_arrays(*self._places(n, d, covariates)))  # [axis, *point]
        flat = places.reshape(len(self.axes), -1)
        total = np.zeros((len(self.scale), flat.shape[1]))
        for index, axis in enumerate(self.axes):
            total += self.levels[:, index] @ knot_weights(flat[index], axis).T
            below, above = np.maximum(axis.low - flat[index], 0.0), np.maximum(flat[index] - axis.high, 0.0)
            for side, distance in enumerate((below, above)):
                if distance.any():
                    total += (self.scale * self.beyond[:, index, side])[:, np.newaxis] * np.sqrt(distance)
        return total.reshape(len(self.scale), *places.shape[1:])

    def of_draws(
        self, n: Float[Array, "*row draw"], d: Float[Array, "*row draw"], **covariates: Array
    ) -> Float[Array, "*row draw"]:
        """The error where each draw, on the last axis, has its own size and tokens."""
        if not self.axes:
            return np.zeros(len(self.scale))
        total = np.zeros(np.broadcast_shapes(np.shape(n), np.shape(d), np.shape(self.scale)))
        draws = np.arange(len(self.scale))
        for index, (axis, place) in enumerate(zip(self.axes, self._places(n, d, covariates), strict=True)):
            inside = np.clip(place, axis.low, axis.high)
            position = (inside - axis.low) / max(axis.knot_gap, 1e-300)
            knot = np.minimum(position.astype(np.intp), KNOTS - 2)
            part = position - knot
            levels = self.levels[:, index]
            total += levels[draws, knot] * (1.0 - part) + levels[draws, knot + 1] * part
            beyond = np.where(place < axis.low, self.beyond[:, index, 0], self.beyond[:, index, 1])
            total += self.scale * beyond * np.sqrt(np.abs(place - inside))
        return total

    def _places(self, n: Array, d: Array, covariates: Mapping[str, Array]) -> list[Array]:
        return axis_places(self.axes, n, d, covariates)


def form_axes(
    law_class: type[AbstractLaw],
    n: Float[Array, "row"],
    d: Float[Array, "row"],
    covariates: Mapping[str, Float[Array, "row"]],
) -> tuple[Axis, ...]:
    """The axes of a law's form over these rows; an axis on which all rows are alike is none."""
    points = tuple(Axis(name, 0.0, 0.0) for name in law_class.axis_names())
    places = axis_places(points, n, d, covariates)
    ranges = ((axis.name, float(place.min()), float(place.max())) for axis, place in zip(points, places, strict=True))
    return tuple(Axis(*each) for each in ranges if each[2] > each[1])


def axis_places(axes: tuple[Axis, ...], n: Array, d: Array, covariates: Mapping[str, Array]) -> list[Array]:
    """Natural logarithm of each axis's quantity at each point."""
    with np.errstate(divide="ignore"):
        log_n, log_d = np.log(np.asarray(n, dtype=np.float64)), np.log(np.asarray(d, dtype=np.float64))
        own = {"n": log_n, "d": log_d, "nd": log_n + log_d}
        return [
            own[axis.name] if axis.name in own else np.log(np.asarray(covariates[axis.name], dtype=np.float64))
            for axis in axes
        ]


def knot_weights(place: Float[Array, "point"], axis: Axis) -> Float[Array, "point knot"]:
    """Weights of the knots at each place: linear between two, the last one beyond the data."""
    position = (np.clip(place, axis.low, axis.high) - axis.low) / max(axis.knot_gap, 1e-300)
    knot = np.minimum(position.astype(np.intp), KNOTS - 2)
    part = position - knot
    weights = np.zeros((len(place), KNOTS))
    rows = np.arange(len(place))
    weights[rows, knot] = 1.0 - part
    weights[rows, knot + 1] += part
    return weights


def walk_steps(axis: Axis) -> Float[Array, "knot step"]:
    """Knot levels of the walk from its steps, in units of s: the walk starts at the middle knot."""
    steps = np.zeros((KNOTS, KNOTS - 1))
    for knot in range(KNOTS):
        if knot > _MIDDLE:
            steps[knot, _MIDDLE:knot] = 1.0
        else:
            steps[knot, knot:_MIDDLE] = -1.0
    return steps * np.sqrt(axis.knot_gap)
