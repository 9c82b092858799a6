"""The model of loss observations: any law, Student-t noise on log loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.laws import AbstractLaw, Reference
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM
from scaling.prior_specs import LogNormal
from scaling.priors import distribution

# Scatter of published final losses around the best law: .5 % to 1 %; wide enough for seeds (.1 %) and messy logs (5 %).
NOISE_PRIOR = LogNormal(median=0.006, scale=0.8)


class LossData(NamedTuple):
    """Observations as arrays, padded to a bucket so that fits of similar size share one compiled program.

    - `n`, `d`, `log_loss`: size, tokens, ln of nats per token; padded rows hold the reference point.
    - `weight`: True for a row, False for padding.
    - `information`: for how many independent observations the row counts, 1 or less (checkpoints of one run).
    - `covariates`: what else the law depends on, by name, with the values at the reference in `reference_covariates`.
    """

    n: Float[Array, "row"]
    d: Float[Array, "row"]
    log_loss: Float[Array, "row"]
    weight: Bool[Array, "row"]
    information: Float[Array, "row"]
    reference_n: Float[Array, ""]
    reference_d: Float[Array, ""]
    reference_loss: Float[Array, ""]
    covariates: Mapping[str, Float[Array, "row"]] = {}
    reference_covariates: Mapping[str, Float[Array, ""]] = {}

    @property
    def reference(self) -> Reference:
        """The point at which the law's coordinates are centred."""
        return Reference(self.reference_n, self.reference_d, self.reference_loss, self.reference_covariates)

    def concrete_reference(self) -> Reference:
        """`reference` in plain floats."""
        covariates = {name: float(value) for name, value in self.reference_covariates.items()}
        return Reference(float(self.reference_n), float(self.reference_d), float(self.reference_loss), covariates)


def loss_model(law_class: type[AbstractLaw], data: LossData) -> None:
    r"""$\ln L_i \sim \mathrm{StudentT}_4(\ln L(N_i, D_i; \theta), \sigma)$, row i counting $w_i \le 1$ times.

    $\theta$ has the law's own priors in its reference coordinates; $\ln\sigma \sim N(\ln .006, .8)$. $w_i$ is the
    row's `information`: the checkpoints of one run are fewer observations than they are rows.
    """
    coordinates = {name: numpyro.sample(name, distribution(spec)) for name, spec in law_class.priors.items()}
    law: Any = law_class.from_reference(coordinates, data.reference)
    noise = numpyro.sample("noise_scale", distribution(NOISE_PRIOR))
    mean = law.log_loss(data.n, data.d, **data.covariates)
    log_density = dist.StudentT(NOISE_DEGREES_OF_FREEDOM, mean, noise).log_prob(data.log_loss)
    numpyro.factor("log_likelihood", jnp.sum(jnp.where(data.weight, data.information * log_density, 0.0)))
