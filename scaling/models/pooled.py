r"""The model of several families of runs at once: each has its own level and floor, their exponents have a common mean.

Losses of different corpora, tokenizers or validation sets cannot be compared, so that the level of the loss, its floor
and the split of what is reducible stay each family's own. What can be compared does not depend on where a law's
coordinates are centred: exponents and other numbers of shape.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, final

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Float

from scaling._pytree import Array
from scaling.laws import AbstractLaw, Reference
from scaling.models.loss import NOISE_PRIOR, LossData
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM
from scaling.prior_specs import LogitNormal, LogNormal, Normal, PriorSpec
from scaling.priors import distribution

# Scale of r = tau / s, s the scale of the law's own prior. That prior is the scatter of published exponents of one
# kind, 10 to 20 %, over all conventions and recipes; families that share a convention differ by less. Half is a guess:
# it makes tau about 7 % for `skaling`'s exponent and 10 % for `chinchilla`'s.
SPREAD_SHARE = 0.5


@final
class NormalForm(NamedTuple):
    """A prior as a normal one on the real line (of the number, its logarithm or its logit)."""

    loc: float
    scale: float


def normal_form(spec: PriorSpec) -> NormalForm | None:
    """The prior on the real line; none where it is not normal there."""
    if isinstance(spec, Normal | LogitNormal):
        return NormalForm(spec.loc, spec.scale)
    return NormalForm(float(np.log(spec.median)), spec.scale) if isinstance(spec, LogNormal) else None


@cache
def pooled_coordinates(law_class: type[AbstractLaw]) -> tuple[str, ...]:
    """The reference coordinates that families have in common: those that no choice of the reference point changes.

    A level, a share of the loss and a slope at the reference point change with it, and so say something else of every
    family. A coordinate whose prior is not normal on the real line is left out too.
    """
    coordinates = {name: spec.middle() for name, spec in law_class.priors.items()}
    here, there = (
        Reference(n, d, loss, {spec.name: each * max(spec.at_least, 1.0) for spec in law_class.covariates})
        for n, d, loss, each in ((1e8, 2e9, 3.0, 2.0), (3e9, 5e10, 2.5, 5.0))
    )
    moved = law_class.from_reference(coordinates, here).at_reference(there)
    return tuple(
        name
        for name, spec in law_class.priors.items()
        if normal_form(spec) is not None and np.isclose(moved[name], coordinates[name], rtol=1e-6, atol=0.0)
    )


def own_coordinates(law_class: type[AbstractLaw]) -> tuple[str, ...]:
    """The reference coordinates that stay each family's own."""
    pooled = pooled_coordinates(law_class)
    return tuple(name for name in law_class.priors if name not in pooled)


def pooled_value(spec: PriorSpec, standard: Any) -> Any:
    """A family's coordinate on the real line from `standard`, in units of its prior's scale about its middle."""
    form = normal_form(spec)
    assert form is not None, "only coordinates with such a prior are pooled"
    return form.loc + form.scale * standard


def mean_share(spread: Any) -> Any:
    r"""$\sqrt{1 - r^2}$: what the common mean has of the scale of the law's prior."""
    return (1.0 - spread**2) ** 0.5


def pooled_model(law_class: type[AbstractLaw], data: LossData) -> None:
    r"""$x_{fj} = \sqrt{1 - r_j^2}\, u_j + r_j z_{fj}$ for what is pooled; the rest as in `loss_model`, by family.

    On the real line coordinate j of family f is $m_j + s_j x_{fj}$, with $m_j$ and $s_j$ of the law's own prior: the
    common mean is $\mu_j = m_j + s_j \sqrt{1 - r_j^2}\, u_j$, the scale between families $\tau_j = r_j s_j$. $u_j$ and
    $z_{fj}$ are standard normal (non-centred: a family with few rows costs the sampler no funnel), $r_j$ half-normal
    of scale .5 below 1. One family thus has exactly the law's prior, whatever $\tau$ is: with $r = 1$ every family is
    fitted as if alone, with $r = 0$ all have one exponent; no prior of a family is wider than it is alone.

    `data` has a leading axis [family] on every array. Sites: `{name}_mean` u, `{name}_spread` r, `{name}_offset` z.

    Source: Gelman et al. 2013, Bayesian Data Analysis, section 5.4, the mean's prior reduced by tau's part of it.
    """
    families = data.n.shape[0]
    pooled = pooled_coordinates(law_class)
    coordinates: dict[str, Float[Array, "family 1"]] = {}
    for name, spec in law_class.priors.items():
        prior = distribution(spec)
        if name not in pooled:
            coordinates[name] = numpyro.sample(name, prior.expand([families]).to_event(1))[:, jnp.newaxis]
            continue
        mean = numpyro.sample(f"{name}_mean", dist.Normal(0.0, 1.0))
        spread = numpyro.sample(f"{name}_spread", dist.TruncatedNormal(0.0, SPREAD_SHARE, low=0.0, high=1.0))
        offset = numpyro.sample(f"{name}_offset", dist.Normal(0.0, 1.0).expand([families]).to_event(1))
        positions = pooled_value(spec, mean_share(spread) * mean + spread * offset)
        coordinates[name] = dist.biject_to(prior.support)(positions)[:, jnp.newaxis]
    noise = numpyro.sample("noise_scale", distribution(NOISE_PRIOR).expand([families]).to_event(1))
    law: Any = law_class.from_reference(coordinates, _reference_column(data))
    mean_log_loss = law.log_loss(data.n, data.d, **data.covariates)
    log_density = dist.StudentT(NOISE_DEGREES_OF_FREEDOM, mean_log_loss, noise[:, jnp.newaxis]).log_prob(data.log_loss)
    numpyro.factor("log_likelihood", jnp.sum(jnp.where(data.weight, data.information * log_density, 0.0)))


def _reference_column(data: LossData) -> Reference:
    """Every family's own reference, to broadcast against its rows."""
    n, d, loss = (values[:, jnp.newaxis] for values in (data.reference_n, data.reference_d, data.reference_loss))
    return Reference(n, d, loss, {name: values[:, jnp.newaxis] for name, values in data.reference_covariates.items()})
