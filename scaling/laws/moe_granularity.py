"""Fine-grained mixtures of experts: granularity lowers the size term."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec, CovariateSpec
from scaling.laws._law import Reference
from scaling.laws._saturating import FLOOR_PRIORS, exponent_prior
from scaling.laws._separable import AbstractSeparableLaw
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.prior_specs import LogitNormal, LogNormal


@final
@pytree
class GranularityLaw(AbstractSeparableLaw):
    r"""Chinchilla's law for mixtures of experts, whose size term falls with the granularity of the experts.

    $L(N, D, G) = c + (g / G^{\gamma} + a) / N^{\alpha} + b / D^{\beta}$

    - `l_inf`: irreducible loss c, nats per token. Published .47: a trade against small exponents, no entropy.
    - `a`, `alpha`: amplitude and exponent of size; N counts active parameters without embedding.
    - `b`, `beta`: amplitude and exponent of tokens.
    - `g`, `gamma`: amplitude and exponent of granularity $G = d_{ff} / d_{expert}$.

    More granularity never costs loss in this form, and routing is not in $6 N D$: an upper limit of G is the user's.

    Source: Krajewski et al. 2024, eq. 9.
    """

    name = "moe_granularity"
    variables = ("n", "d")
    formula = "L(N, D, G) = c + (g / G^gamma + a) / N^alpha + b / D^beta"
    citation = Citation(
        key="krajewski2024",
        text="Krajewski et al. (2024). Scaling laws for fine-grained mixture of experts. arXiv:2402.07871, eq. 9.",
        url="https://arxiv.org/abs/2402.07871",
    )
    covariates = (
        CovariateSpec("granularity", "1", "feed-forward width over that of one expert, G", usual=(1.0, 16.0)),
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss c"),
        CoefficientSpec("a", "nats per token", "amplitude of the size term without end of granularity"),
        CoefficientSpec("alpha", "1", "exponent of size"),
        CoefficientSpec("b", "nats per token", "amplitude of the token term"),
        CoefficientSpec("beta", "1", "exponent of tokens"),
        CoefficientSpec("g", "nats per token", "amplitude of the size term that granularity lowers"),
        CoefficientSpec("gamma", "1", "exponent of granularity"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **FLOOR_PRIORS,
        "size_share": LogitNormal(loc=0.0, scale=1.0),
        "granular_share": LogitNormal(loc=-2.2, scale=1.0),  # published: a tenth of the size term at G = 1
        "alpha": exponent_prior(0.33),
        "beta": exponent_prior(0.33),
        "gamma": LogNormal(median=0.6, scale=0.5),
    }
    shape_coordinates = ("alpha", "beta", "gamma")

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    g: Float[Array, "*draw"]
    gamma: Float[Array, "*draw"]

    def at_granularity(self, granularity: Float[Array, "*draw"]) -> ChinchillaLaw:
        r"""Chinchilla's law at one granularity, $A = g G^{-\gamma} + a$: its closed forms answer."""
        xp = array_namespace(self.g, granularity)
        amplitude = self.a + xp.exp(xp.log(self.g) - self.gamma * xp.log(xp.asarray(granularity)))
        return ChinchillaLaw(l_inf=self.l_inf, a=amplitude, alpha=self.alpha, b=self.b, beta=self.beta)

    def _at(self, covariates: Mapping[str, Any]) -> ChinchillaLaw:
        return self.at_granularity(self.needed_covariates(covariates)["granularity"])

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        """That of Chinchilla's law at this granularity."""
        return self._at(covariates).log_loss(n, d)

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """c."""
        return self.l_inf

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$N = [(g G^{-\gamma} + a) / (L - c - b D^{-\beta})]^{1/\alpha}$; `inf` where that is not above zero."""
        return self._at(covariates).size_at(loss, d)

    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$D = [b / (L - c - (g G^{-\gamma} + a) N^{-\alpha})]^{1/\beta}$; `inf` where that is not above zero."""
        return self._at(covariates).tokens_at(loss, n)

    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """That of Chinchilla's law at this granularity."""
        return self._at(covariates).size_at_ratio(loss, tokens_per_parameter)

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        """That of Chinchilla's law at this granularity, $6 N D = C$ with N active."""
        return self._at(covariates).optimum(c)

    def compute_at(self, loss: Float[Array, "*draw"], **covariates: Array) -> Float[Array, "*draw"]:
        """That of Chinchilla's law at this granularity."""
        return self._at(covariates).compute_at(loss)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From Chinchilla's coordinates, the granular share of the size term at the reference, and `gamma`."""
        made = ChinchillaLaw.from_reference(coordinates, reference)
        share, gamma = coordinates["granular_share"], coordinates["gamma"]
        xp = array_namespace(share, gamma)
        log_granularity = xp.log(xp.asarray(reference.covariates["granularity"]))
        return cls(
            l_inf=made.l_inf,
            a=(1.0 - share) * made.a,
            alpha=made.alpha,
            b=made.b,
            beta=made.beta,
            g=share * made.a * xp.exp(gamma * log_granularity),
            gamma=gamma,
        )

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """Chinchilla's coordinates at the reference's granularity, `granular_share` and `gamma`."""
        there = self.at_granularity(reference.covariates["granularity"])
        coordinates = there.at_reference(reference)
        return {**coordinates, "granular_share": 1.0 - self.a / there.a, "gamma": self.gamma}

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        r"""1, $(N / N_{ref})^{-\alpha}$, the same times $(G / G_{ref})^{-\gamma}$, and $(D / D_{ref})^{-\beta}$."""
        size_column = (n / reference.n) ** -shape["alpha"]
        granular = (covariates["granularity"] / reference.covariates["granularity"]) ** -shape["gamma"]
        token_column = (d / reference.d) ** -shape["beta"]
        return np.stack([np.ones_like(size_column), size_column, size_column * granular, token_column], axis=-1)

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """The level and three shares from floor, size term, granular size term and token term at the reference."""
        size_term = terms[1] + terms[2]
        at = ChinchillaLaw.coordinates_from_terms({}, np.asarray([terms[0], size_term, terms[3]]), reference)
        return {**at, "granular_share": terms[2] / size_term, **shape}


LAW = GranularityLaw
