"""Farseer: the token term's exponent and amplitude change with size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.laws._law import Reference
from scaling.laws._separable import AbstractSeparableLaw
from scaling.prior_specs import LogitNormal, LogNormal, Normal


@final
@pytree
class FarseerLaw(AbstractSeparableLaw):
    r"""Larger networks learn from tokens at another rate: size and tokens do not separate.

    $L(N, D) = e^{a_3 N^{\gamma} + b_3} + e^{a_2 N^{\beta} + b_2} D^{-e^{a_1 N^{\alpha} + b_1}}$

    - `a_1`, `alpha`, `b_1`: exponent of tokens, $e^{a_1 N^\alpha + b_1}$; published a_1 < 0: it falls with size.
    - `a_2`, `beta`, `b_2`: amplitude of the token term; published beta < 0: it falls with size.
    - `a_3`, `gamma`, `b_3`: the loss with tokens without end; published a_3 < 0, towards 0 with size.

    With a_1 < 0 the exponent of tokens goes to 0 with size, so that far beyond the data the loss can turn up with size,
    and at hardly any tokens falls to $e^{b_2}$ whatever they are: answers are taken on the side where it first falls.
    It has no floor, and no closed inverse in size.

    The reference coordinates are values and logarithmic slopes at the reference point.

    Source: Li et al. 2025, eq. 3.
    """

    name = "farseer"
    variables = ("n", "d")
    falls_throughout = False
    formula = "L(N, D) = exp(a_3 N^gamma + b_3) + exp(a_2 N^beta + b_2) D^-exp(a_1 N^alpha + b_1)"
    citation = Citation(
        key="li2025farseer",
        text="Li et al. (2025). Predictable scale, part II: Farseer, a refined scaling law in large language models. "
        "arXiv:2506.10972, eq. 3.",
        url="https://arxiv.org/abs/2506.10972",
    )
    coefficients = (
        CoefficientSpec("a_1", "1", "slope of the token exponent's logarithm in N^alpha", positive=False),
        CoefficientSpec("alpha", "1", "power of size in the exponent of tokens"),
        CoefficientSpec("b_1", "1", "logarithm of the exponent of tokens at small size", positive=False),
        CoefficientSpec("a_2", "1", "slope of the token amplitude's logarithm in N^beta", positive=False),
        CoefficientSpec("beta", "1", "power of size in the amplitude of tokens, below zero", positive=False),
        CoefficientSpec("b_2", "1", "logarithm of the amplitude of tokens at large size", positive=False),
        CoefficientSpec("a_3", "1", "slope of the size term's logarithm in N^gamma", positive=False),
        CoefficientSpec("gamma", "1", "power of size in the size term"),
        CoefficientSpec("b_3", "1", "logarithm of the size term at small size", positive=False),
    )
    # Centred at what the published surface shows near N = 1e9, D = 1e11, as wide as exponents of other fits scatter.
    priors = {  # noqa: RUF012 - a ClassVar of the base
        "level": Normal(loc=0.0, scale=0.3),
        "size_share": LogitNormal(loc=1.5, scale=0.8),
        "size_slope": LogNormal(median=0.12, scale=0.6),
        "gamma": LogNormal(median=0.13, scale=0.4),
        "token_exponent": LogNormal(median=0.33, scale=0.3),
        "exponent_slope": LogNormal(median=0.2, scale=0.6),
        "alpha": LogNormal(median=0.05, scale=0.4),
        "token_slope": Normal(loc=0.3, scale=0.3),
        "amplitude_power": LogNormal(median=0.17, scale=0.4),
    }
    shape_coordinates = (
        "size_slope",
        "gamma",
        "token_exponent",
        "exponent_slope",
        "alpha",
        "token_slope",
        "amplitude_power",
    )

    a_1: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    b_1: Float[Array, "*draw"]
    a_2: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    b_2: Float[Array, "*draw"]
    a_3: Float[Array, "*draw"]
    gamma: Float[Array, "*draw"]
    b_3: Float[Array, "*draw"]

    def log_terms(
        self, n: Float[Array, "*point"], d: Float[Array, "*point"]
    ) -> tuple[Float[Array, "*point"], Float[Array, "*point"]]:
        """Logarithms of the size term and of the token term."""
        xp = array_namespace(self.a_1, n, d)
        log_n, log_d = xp.log(xp.asarray(n)), xp.log(xp.asarray(d))
        size_term = self.a_3 * xp.exp(self.gamma * log_n) + self.b_3
        exponent = xp.exp(self.a_1 * xp.exp(self.alpha * log_n) + self.b_1)
        return size_term, self.a_2 * xp.exp(self.beta * log_n) + self.b_2 - exponent * log_d

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        """The two terms' logarithms, added as exponentials."""
        size_term, token_term = self.log_terms(n, d)
        return array_namespace(size_term).logaddexp(size_term, token_term)

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """0, with tokens to infinity before size; the other way round the token term would stay."""
        return 0.0 * self.a_3

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        """Numeric: the source solves it numerically too."""
        return self.numeric_optimum(c)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        r"""From values and slopes at the reference point.

        `level` and `size_share`: the loss, and the size term's share of it. `size_slope`: $-d \ln(\text{size term}) /
        d \ln N$. `token_exponent`: $-d \ln(\text{token term}) / d \ln D$, and `exponent_slope` its own $-d \ln / d \ln
        N$. `token_slope`: $d \ln(\text{token term}) / d \ln N$. `amplitude_power` is $-\beta$.
        """
        level, share = coordinates["level"], coordinates["size_share"]
        gamma, alpha, beta = coordinates["gamma"], coordinates["alpha"], -coordinates["amplitude_power"]
        xp = array_namespace(*coordinates.values())
        log_n, log_d = xp.log(xp.asarray(reference.n)), xp.log(xp.asarray(reference.d))
        log_loss = xp.log(xp.asarray(reference.loss)) + level
        size_slope, exponent = coordinates["size_slope"], coordinates["token_exponent"]
        exponent_slope = coordinates["exponent_slope"]
        amplitude_slope = coordinates["token_slope"] - exponent_slope * exponent * log_d
        return cls(
            a_1=-exponent_slope / alpha * xp.exp(-alpha * log_n),
            alpha=alpha,
            b_1=xp.log(exponent) + exponent_slope / alpha,
            a_2=amplitude_slope / beta * xp.exp(-beta * log_n),
            beta=beta,
            b_2=xp.log(1.0 - share) + log_loss + exponent * log_d - amplitude_slope / beta,
            a_3=-size_slope / gamma * xp.exp(-gamma * log_n),
            gamma=gamma,
            b_3=xp.log(share) + log_loss + size_slope / gamma,
        )

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """Values and slopes at the reference point."""
        xp = array_namespace(self.a_1)
        log_n, log_d = xp.log(xp.asarray(reference.n)), xp.log(xp.asarray(reference.d))
        size_term, token_term = self.log_terms(reference.n, reference.d)
        log_loss = xp.logaddexp(size_term, token_term)
        exponent_slope = -self.a_1 * self.alpha * xp.exp(self.alpha * log_n)
        exponent = xp.exp(self.b_1 - exponent_slope / self.alpha)
        amplitude_slope = self.a_2 * self.beta * xp.exp(self.beta * log_n)
        return {
            "level": log_loss - xp.log(xp.asarray(reference.loss)),
            "size_share": xp.exp(size_term - log_loss),
            "size_slope": -self.a_3 * self.gamma * xp.exp(self.gamma * log_n),
            "gamma": self.gamma,
            "token_exponent": exponent,
            "exponent_slope": exponent_slope,
            "alpha": self.alpha,
            "token_slope": amplitude_slope + exponent_slope * exponent * log_d,
            "amplitude_power": -self.beta,
        }

    @classmethod
    def shape_grid(cls, name: str, count: int) -> Float[Array, "point"]:
        """From the prior in every coordinate: `alpha` is no exponent of size here."""
        if name != "alpha":
            return super().shape_grid(name, count)
        prior = cls.priors[name]
        assert isinstance(prior, LogNormal)
        return prior.median * np.exp(prior.scale * np.linspace(-1.5, 1.5, count))

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        """The size term and the token term, each 1 at the reference point."""
        made = cls.from_reference({"level": np.zeros(()), "size_share": np.full((), 0.5), **shape}, reference)
        terms = np.stack(made.log_terms(n, d), axis=-1)
        return np.exp(terms - np.stack(made.log_terms(reference.n, reference.d), axis=-1))

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level` and `size_share` from the two terms at the reference point."""
        loss = terms[0] + terms[1]
        return {"level": np.log(loss / reference.loss), "size_share": terms[0] / loss, **shape}


LAW = FarseerLaw
