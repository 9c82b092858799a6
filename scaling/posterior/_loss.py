"""The posterior of a loss law: draws of the law, of the noise, and of what the law's form leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.laws import AbstractLaw, GivenLaw
from scaling.posterior._form_error import FormError
from scaling.posterior._hull import Hull
from scaling.units import SizeConvention

# Degrees of freedom of the observation noise on log loss. Four: heavy enough that a spoilt row does not move the
# law, light enough that the scale is still a scale (measured on real extrapolation splits).
NOISE_DEGREES_OF_FREEDOM = 4.0
# Beyond this many e-folds no back-test on real runs has shown that the intervals hold.
CALIBRATED_E_FOLDS = 3.5


@final
@dataclass(frozen=True)
class LossPosterior:
    r"""Draws of $\ln L_{new} = \ln L(N, D; \theta) + \delta(N, D) + r + \sigma t_4$.

    - `law`: $\theta$, with a draw axis on every field.
    - `noise_scale` [draw]: $\sigma$, scatter of one observation on log loss.
    - `run_scale` [draw]: standard deviation of the run effect $r$, shared by the checkpoints of one run; 0 where
      every observation is its own run (then it is part of $\sigma$).
    - `at`: covariates that are fixed, by name (see `given`).
    - `form_error`: $\delta$, what the law's form leaves out.
    - `hull`: the data's range, for the distance beyond it.
    - `run_labels`, `run_effect` [draw, run]: the effects of the runs seen, where they have checkpoints.
    """

    law: AbstractLaw
    noise_scale: Float[Array, "draw"]
    run_scale: Float[Array, "draw"]
    form_error: FormError
    hull: Hull
    size_convention: SizeConvention
    validation_set: str
    at: Mapping[str, Array] = field(default_factory=dict)
    run_labels: tuple[str, ...] = ()
    run_effect: Float[Array, "draw run"] | None = None

    def given(self, **covariates: float) -> Self:
        """The posterior at these covariates, for questions of size, tokens and compute alone.

        Raises `InvalidInput` where the law needs others, or one is out of range.
        """
        checked = self.law.checked_covariates(covariates)
        return replace(self, law=GivenLaw(self.law, checked), at=checked) if checked else self

    @property
    def draw_count(self) -> int:
        """Number of draws."""
        return len(self.noise_scale)

    def take(self, draws: Int[Array, "kept"]) -> Self:
        """The posterior with these draws alone."""
        return replace(
            self,
            law=self.law[draws],
            noise_scale=self.noise_scale[draws],
            run_scale=self.run_scale[draws],
            form_error=self.form_error.take(draws),
            run_effect=None if self.run_effect is None else self.run_effect[draws],
        )

    def law_alone(self) -> Self:
        """The same without the error of the form: what a fit that believes its law forecasts."""
        return replace(self, form_error=FormError.none(self.draw_count))

    def trend(
        self, n: Float[Array, "*point"], d: Float[Array, "*point"], **covariates: Array
    ) -> Float[Array, "draw *point"]:
        r"""Loss of a typical run, without run effect and noise: $L(N, D; \theta)\, e^{\delta(N, D)}$."""
        n, d = np.asarray(n, dtype=np.float64), np.asarray(d, dtype=np.float64)
        to_points = (slice(None), *(np.newaxis,) * max(n.ndim, d.ndim))
        error = self.form_error.at(n, d, **self.at, **self.law.needed_covariates(covariates))
        loss: Float[Array, "draw *point"] = np.exp(self.law[to_points].log_loss(n, d, **covariates) + error)
        return loss

    def trend_of_draws(
        self, n: Float[Array, "draw"], d: Float[Array, "draw"], **covariates: Array
    ) -> Float[Array, "draw"]:
        """`trend` where each draw has its own size and tokens."""
        error = self.form_error.of_draws(n, d, **self.at, **self.law.needed_covariates(covariates))
        loss: Float[Array, "draw"] = np.exp(self.law.log_loss(n, d, **covariates) + error)
        return loss

    def predictive(
        self,
        n: Float[Array, "*point"],
        d: Float[Array, "*point"],
        *,
        rng: np.random.Generator,
        runs: Sequence[str] = (),
        **covariates: Array,
    ) -> Float[Array, "draw *point"]:
        """What one run would show: `trend` with a run effect and observation noise (one a point).

        `runs` names the run of each point: one that was seen keeps its own effect, any other has a new one, one a draw.
        """
        trend = self.trend(n, d, **covariates)
        to_points = (slice(None), *(np.newaxis,) * (trend.ndim - 1))
        effect = (self.run_scale * rng.standard_normal(self.draw_count))[to_points]
        if self.run_effect is not None and runs:
            seen = {label: index for index, label in enumerate(self.run_labels)}
            effect = np.repeat(effect, len(runs), axis=1)
            for point, label in enumerate(runs):
                if label in seen:
                    effect[:, point] = self.run_effect[:, seen[label]]
        noise = self.noise_scale[to_points] * rng.standard_t(NOISE_DEGREES_OF_FREEDOM, size=trend.shape)
        loss: Float[Array, "draw *point"] = trend * np.exp(effect + noise)
        return loss
