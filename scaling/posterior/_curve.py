"""The posterior of one learning curve under one law."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.laws import AbstractLaw
from scaling.posterior._loss import NOISE_DEGREES_OF_FREEDOM


@final
@dataclass(frozen=True)
class CurvePosterior:
    r"""Draws of $\ln L_{new} = \ln L(x; \theta) + m + (\sqrt{P + s^2 h}\, \zeta + \sigma \epsilon) / \sqrt{g}$.

    $\zeta, \epsilon$ are standard normal, $4 g \sim \chi^2_4$, so that one new row is Student-t with scale
    $\sqrt{P + s^2 h + \sigma^2}$; $\zeta$ and $g$ are shared by all rows of one draw, $\epsilon$ is each row's own.

    - `law`: $\theta$, a law in one variable with a draw axis on every field.
    - `level`, `variance` [draw]: $m$ and $P$: where the drift off the law stands after the last row.
    - `drift` [draw]: $s$, per square root of an e-fold; $h$ is the distance beyond the last row in e-folds.
    - `noise` [draw]: $\sigma$ of one row.
    - `last_count`: x of the last row.
    """

    law: AbstractLaw
    level: Float[Array, "draw"]
    variance: Float[Array, "draw"]
    drift: Float[Array, "draw"]
    noise: Float[Array, "draw"]
    last_count: float

    @property
    def draw_count(self) -> int:
        """Number of draws."""
        return len(self.level)

    def take(self, draws: Int[Array, "kept"]) -> Self:
        """The posterior with these draws alone."""
        fields = ("level", "variance", "drift", "noise")
        return replace(self, law=self.law[draws], **{name: getattr(self, name)[draws] for name in fields})

    def location(self, count: Float[Array, "point"]) -> Float[Array, "draw point"]:
        """ln L at `count` (each at or beyond the last row) with the drift where it stood."""
        law = self.law[:, np.newaxis]
        place: Float[Array, "draw point"] = law.log_loss(d=np.asarray(count)) + self.level[:, np.newaxis]
        return place

    def scale(self, count: Float[Array, "point"]) -> Float[Array, "draw point"]:
        r"""$\sqrt{P + s^2 h + \sigma^2}$: scale of ln L of one new row, whose shape is the noise's Student-t."""
        beyond = np.maximum(np.log(np.asarray(count) / self.last_count), 0.0)
        fixed = (self.variance + self.noise**2)[:, np.newaxis]
        scale: Float[Array, "draw point"] = np.sqrt(fixed + self.drift[:, np.newaxis] ** 2 * beyond)
        return scale

    def new_rows(self, count: Float[Array, "point"], *, rng: np.random.Generator) -> Float[Array, "draw point"]:
        """ln L of new rows: the drift moves all of a draw's rows together, noise each by itself."""
        location, nu = self.location(count), NOISE_DEGREES_OF_FREEDOM
        drift = np.sqrt(np.maximum(self.scale(count) ** 2 - self.noise[:, np.newaxis] ** 2, 0.0))
        together = drift * rng.standard_normal((self.draw_count, 1))
        own = self.noise[:, np.newaxis] * rng.standard_normal(location.shape)
        stretch = np.sqrt(nu / rng.chisquare(nu, size=(self.draw_count, 1)))
        rows: Float[Array, "draw point"] = location + stretch * (together + own)
        return rows
