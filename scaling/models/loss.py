"""The model of loss observations: any law, Student-t noise on log loss, an effect of each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jaxtyping import Bool, Float, Int

from scaling._pytree import Array
from scaling.laws import AbstractLaw, Reference
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM
from scaling.prior_specs import HalfNormal, LogNormal
from scaling.priors import distribution

# Scatter of published final losses around the best law: .5 % to 1 %; wide enough for seeds (.1 %) and messy logs (5 %).
NOISE_PRIOR = LogNormal(median=0.006, scale=0.8)
# Seeds of one recipe differ by .1 % to .5 %. The tail must be a normal's: with one run a size, an effect of 10 % a run
# explains any size dependence, and checkpoints are many enough to pay for a milder prior (two modes were seen).
RUN_PRIOR = HalfNormal(scale=0.005)


class LossData(NamedTuple):
    """Observations as arrays, padded to a bucket so that fits of similar size share one compiled program.

    - `n`, `d`, `log_loss`: size, tokens, ln of nats per token; padded rows hold the reference point.
    - `weight`: True for a row, False for padding.
    - `run`: index of the row's run.
    - `typical`: whether the row lies near the rest of its run, as far as a robust look can tell. It only places the
      coordinates of the run effects; every row counts in the likelihood.
    - `covariates`: what else the law depends on, by name, with the values at the reference in `reference_covariates`.
    """

    n: Float[Array, "row"]
    d: Float[Array, "row"]
    log_loss: Float[Array, "row"]
    weight: Bool[Array, "row"]
    run: Int[Array, "row"]
    typical: Bool[Array, "row"]
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


def loss_model(law_class: type[AbstractLaw], data: LossData, *, run_count: int = 0) -> None:
    r"""$\ln L_i \sim \mathrm{StudentT}_4(\ln L(N_i, D_i; \theta) + r_{run(i)}, \sigma)$.

    $\theta$ has the law's own priors in its reference coordinates; $\ln\sigma \sim N(\ln .006, .8)$;
    $r_j \sim N(0, \tau)$, $\tau \sim N^+(.005)$. With `run_count` 0 every observation is its own run and the
    run effect is part of the noise.
    """
    coordinates = {name: numpyro.sample(name, distribution(spec)) for name, spec in law_class.priors.items()}
    law: Any = law_class.from_reference(coordinates, data.reference)
    noise = numpyro.sample("noise_scale", distribution(NOISE_PRIOR))
    mean = law.log_loss(data.n, data.d, **data.covariates)
    if run_count:
        scale = numpyro.sample("run_scale", distribution(RUN_PRIOR))
        residual = data.log_loss - mean
        mean = mean + _run_effects(residual, data, scale=scale, noise=noise, run_count=run_count)[data.run]
    log_density = dist.StudentT(NOISE_DEGREES_OF_FREEDOM, mean, noise).log_prob(data.log_loss)
    numpyro.factor("log_likelihood", jnp.sum(jnp.where(data.weight, log_density, 0.0)))


def _run_effects(residual: Any, data: LossData, *, scale: Any, noise: Any, run_count: int) -> Any:
    r"""$r_j \sim N(0, \tau)$, sampled as $r_j = \mu_j + s_j z_j$ about its Gaussian conditional.

    $\mu_j$ and $s_j$ are the mean and scale of $r_j$ given the run's typical residuals if the noise were normal, so
    that $z_j$ is nearly standard normal whatever the law and the scales: centred effects have a funnel where the data
    say little, non-centred ones a ridge where they say much. The Jacobian makes it the same prior.
    """
    information = (NOISE_DEGREES_OF_FREEDOM + 1) / (NOISE_DEGREES_OF_FREEDOM + 3) / noise**2  # of a Student-t location
    placed = data.weight & data.typical
    rows = jnp.zeros(run_count).at[data.run].add(placed)
    total = jnp.zeros(run_count).at[data.run].add(jnp.where(placed, residual, 0.0))
    precision = 1.0 / scale**2 + rows * information
    middle, spread = information * total / precision, 1.0 / jnp.sqrt(precision)
    standard = numpyro.sample("run_effect", dist.Normal(0.0, 1.0).expand([run_count]).to_event(1))
    effect = middle + spread * standard
    corrected = dist.Normal(0.0, scale).log_prob(effect) + jnp.log(spread) - dist.Normal(0.0, 1.0).log_prob(standard)
    numpyro.factor("run_effect_density", jnp.sum(corrected))
    return effect
