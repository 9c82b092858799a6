r"""The model of loss curves: any curve law, an error of its form that is correlated along a run, white noise.

Points of one curve are not independent measurements of its law. The law's two terms are each wrong by a share that
wanders slowly along the run,

$\ln L_r(t) = \ln L(t; \theta) + s_r + \tau q(t) g_r(x) + \delta \rho(t) h_r(x) + \kappa (W/t)^3 w_r(x) + \epsilon$,
$q = A S_1^{-\alpha} / L$, $\rho = R / L$, $x = \ln t$,

with $g_r, h_r, w_r$ independent Ornstein-Uhlenbeck processes of unit variance and length $\ell$ in e-folds of steps,
one set a run, $s_r$ the run's seed, W the steps of warm-up, and $\epsilon$ white with a scale in proportion to the
learning rate, as the loss of stochastic descent fluctuates. An error that vanishes with its term can neither move the
floor nor blow up beyond the data; the scales are learnt across the runs and hold for schedules not seen. Everything but
$\theta$ and the scales is Gaussian and integrated out exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.curves import AbstractCurveLaw, CurveNodes, CurveReference
from scaling.posterior import SMALLEST_CURVE_NOISE, WARM_POWER
from scaling.prior_specs import LogNormal, PriorSpec
from scaling.priors import distribution

# Of the form, wide; chosen before any schedule was forecast:
# - a power law holds its own term to 1 % or so along a run; a response fitted to other schedules to 5 % or so;
# - seeds of one recipe differ by .07 % (Clark et al. 2022, three seeds at 130M parameters);
# - what the warm-up left behind is gone within some four times its steps W: a cube;
# - an error keeps its sign over a doubling of the steps, not over ten;
# - validation losses of neighbouring checkpoints scatter by some 2e-4 at the peak rate.
ERROR_PRIORS: Mapping[str, PriorSpec] = {
    "trend_error": LogNormal(median=0.01, scale=0.7),
    "response_error": LogNormal(median=0.03, scale=0.7),
    "warm_error": LogNormal(median=0.003, scale=1.0),
    "run_scale": LogNormal(median=7e-4, scale=0.7),
    "length": LogNormal(median=0.7, scale=0.5),
    "noise_scale": LogNormal(median=3e-4, scale=1.0),
}


class CurveData(NamedTuple):
    """Summaries of runs, padded to one length; a summary is the robust middle of a few neighbouring checkpoints.

    - `log_loss`: ln of nats per token. `weight`: True for a summary, False for padding.
    - `log_step`: ln of the step. `relative_rate`: learning rate over the peak rate of the reference.
    - `share`: variance of the summary over that of one checkpoint.
    - `nodes`: schedule at each summary.
    """

    log_loss: Float[Array, "run row"]
    weight: Bool[Array, "run row"]
    log_step: Float[Array, "run row"]
    relative_rate: Float[Array, "run row"]
    share: Float[Array, "run row"]
    nodes: CurveNodes
    reference_area: Float[Array, ""]
    reference_rate: Float[Array, ""]
    reference_loss: Float[Array, ""]

    @property
    def reference(self) -> CurveReference:
        """Where the law's coordinates are centred."""
        return CurveReference(self.reference_area, self.reference_rate, self.reference_loss)


def curve_model(law_class: type[AbstractCurveLaw], data: CurveData) -> None:
    """The joint density of the law's reference coordinates, the scales of its error, and the runs' summaries."""
    coordinates = {name: numpyro.sample(name, distribution(spec)) for name, spec in law_class.priors.items()}
    law: Any = law_class.from_reference(coordinates, data.reference)
    error = {name: numpyro.sample(name, distribution(spec)) for name, spec in ERROR_PRIORS.items()}
    numpyro.factor("log_likelihood", log_likelihood(law, error, data))


def log_likelihood(law: AbstractCurveLaw, error: Mapping[str, Any], data: CurveData) -> Any:
    """ln p(summaries | law, error), the process integrated out; `-inf` where the law's loss is not above zero."""
    trend, response = law.trend(data.nodes), law.response(data.nodes)
    loss = trend - response
    possible = jnp.all(loss > 0)
    loss = jnp.where(loss > 0, loss, 1.0)
    residual = jnp.where(data.weight, data.log_loss - jnp.log(loss), 0.0)
    noise = (error["noise_scale"] * data.relative_rate) ** 2 * data.share + SMALLEST_CURVE_NOISE**2

    def one_run(residual: Any, covariance: Any, noise: Any, weight: Any) -> Any:
        # A padded row is an independent standard normal observed at its mean: it adds a constant.
        used = weight[:, None] & weight[None, :]
        covariance = jnp.where(used, covariance, 0.0) + jnp.diag(jnp.where(weight, noise, 1.0))
        return dist.MultivariateNormal(jnp.zeros_like(residual), covariance_matrix=covariance).log_prob(residual)

    reducible, responded = (trend - law.l_inf) / loss, response / loss
    covariance = jax.vmap(partial(error_covariance, error))(data.log_step, reducible, responded, data.nodes.warm)
    terms = jax.vmap(one_run)(residual, covariance, noise, data.weight)
    return jnp.where(possible, jnp.sum(terms), -jnp.inf)


def error_covariance(error: Mapping[str, Any], log_step: Any, reducible: Any, responded: Any, warm: Any) -> Any:
    r"""$\sigma_s^2 + (\tau^2 q q' + \delta^2 \rho \rho' + \kappa^2 (w w')^3) e^{-|x - x'| / \ell}$ along one run."""
    apart = jnp.abs(log_step[:, None] - log_step[None, :])
    amplitude = error["trend_error"] ** 2 * reducible[:, None] * reducible[None, :]
    amplitude = amplitude + error["response_error"] ** 2 * responded[:, None] * responded[None, :]
    amplitude = amplitude + error["warm_error"] ** 2 * (warm[:, None] * warm[None, :]) ** WARM_POWER
    return error["run_scale"] ** 2 + amplitude * jnp.exp(-apart / error["length"])
