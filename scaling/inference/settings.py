"""Settings of a fit, stored with it: the same settings, data and seed give the same draws."""

from __future__ import annotations

from typing import final

from pydantic import BaseModel, ConfigDict, Field


@final
class FitSettings(BaseModel):
    """How a posterior is sampled and what it must show.

    - `chains`, `warmup`, `draws`: of the sampler; draws are per chain.
    - `target_acceptance`: of the step size of NUTS, which draws where trajectories of fixed length miss the gate.
    - `max_r_hat`, `min_ess`, `max_divergences`, `min_energy`: the gate; a posterior that fails it is not served.
      ESS is the smaller of bulk and tail over all coordinates; the energy is the lowest BFMI of the chains.
    - `discrepancy_scale`: prior median of the error of the law's form on log loss, per square root of an e-fold of
      compute beyond the data; its size is learnt from rolling origins. 0 leaves it out, and the back-test with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    chains: int = Field(default=4, ge=2, le=16)
    warmup: int = Field(default=200, ge=50, le=10_000)
    draws: int = Field(default=1000, ge=100, le=20_000)
    target_acceptance: float = Field(default=0.95, gt=0.5, lt=1.0)
    max_r_hat: float = Field(default=1.01, gt=1.0)
    min_ess: float = Field(default=400.0, gt=0.0)
    max_divergences: int = Field(default=0, ge=0)
    min_energy: float = Field(default=0.2, gt=0.0)
    discrepancy_scale: float = Field(default=0.01, ge=0.0)
