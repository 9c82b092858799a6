"""Chinchilla's law with one exponent: the law of over-training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.compute import FLOPS_PER_PARAMETER_TOKEN
from scaling.laws._law import Reference
from scaling.laws._numeric import count_at
from scaling.laws._saturating import FLOOR_PRIORS, exponent_prior
from scaling.laws._separable import AbstractSeparableLaw
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.prior_specs import LogitNormal


@final
@pytree
class TiedLaw(AbstractSeparableLaw):
    r"""Size and tokens share one exponent, so that over-training shifts the line of loss and compute in parallel.

    $L(N, D) = E + A / N^{\alpha} + B / D^{\alpha}$, which is, with $M = D / N$, $C = 6 N D$ and $\eta = \alpha / 2$,

    $L(C, M) = E + (a M^{\eta} + b M^{-\eta}) C^{-\eta}$, $a = 6^{\eta} A$, $b = 6^{\eta} B$.

    - `l_inf`: irreducible loss E, nats per token.
    - `a`, `b`: amplitudes A of size and B of tokens, nats per token.
    - `alpha`: exponent of both.

    Source: Gadre et al. 2024, eq. 4, whose a and b are those of the second line; Hoffmann et al. 2022, eq. 2, with
    alpha = beta.
    """

    name = "tied"
    variables = ("n", "d")
    formula = "L(N, D) = E + A / N^alpha + B / D^alpha"
    citation = Citation(
        key="gadre2024",
        text="Gadre et al. (2024). Language models scale reliably with over-training and on downstream tasks. "
        "arXiv:2403.08540, eq. 4.",
        url="https://arxiv.org/abs/2403.08540",
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss E"),
        CoefficientSpec("a", "nats per token", "amplitude A of the size term"),
        CoefficientSpec("b", "nats per token", "amplitude B of the token term"),
        CoefficientSpec("alpha", "1", "exponent of size and of tokens"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **FLOOR_PRIORS,
        "size_share": LogitNormal(loc=0.0, scale=1.0),
        "alpha": exponent_prior(0.33),
    }
    shape_coordinates = ("alpha",)

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]

    def untied(self) -> ChinchillaLaw:
        """The same loss as Chinchilla's law, whose closed forms answer."""
        return ChinchillaLaw(l_inf=self.l_inf, a=self.a, alpha=self.alpha, b=self.b, beta=self.alpha)

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        r"""$\ln(e^{\ln E} + e^{\ln A - \alpha \ln N} + e^{\ln B - \alpha \ln D})$."""
        return self.untied().log_loss(n, d)

    def over_trained_loss(
        self, c: Float[Array, "*point"], multiplier: Float[Array, "*point"]
    ) -> Float[Array, "*point"]:
        r"""$L(C, M)$ for `c` FLOPs at `multiplier` tokens per parameter (Gadre et al. 2024, eq. 4)."""
        eta = 0.5 * self.alpha
        xp = array_namespace(self.l_inf, c, multiplier)
        log_c, log_m = xp.log(xp.asarray(c) / FLOPS_PER_PARAMETER_TOKEN), xp.log(xp.asarray(multiplier))
        loss: Any = self.l_inf + self.a * xp.exp(eta * (log_m - log_c)) + self.b * xp.exp(-eta * (log_m + log_c))
        return loss

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """E."""
        return self.l_inf

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$N = [A / (L - E - B D^{-\alpha})]^{1/\alpha}$; `inf` where that is not above zero."""
        return self.untied().size_at(loss, d)

    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$D = [B / (L - E - A N^{-\alpha})]^{1/\alpha}$; `inf` where that is not above zero."""
        return self.untied().tokens_at(loss, n)

    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$N = [(A + B r^{-\alpha}) / (L - E)]^{1/\alpha}$: in closed form, the exponent being one."""
        xp = array_namespace(self.l_inf, loss)
        amplitude = self.a + self.b * xp.exp(-self.alpha * math.log(tokens_per_parameter))
        return count_at(xp.asarray(loss) - self.l_inf, amplitude, self.alpha)

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        r"""$D^* / N^* = (B / A)^{1/\alpha}$ at every budget, $N^* D^* = C / 6$."""
        return self.untied().optimum(c)

    def compute_at(self, loss: Float[Array, "*draw"], **covariates: Array) -> Float[Array, "*draw"]:
        r"""$C = 6 [2 \sqrt{A B} / (L - E)]^{2/\alpha}$; `inf` where the floor is not below `loss`."""
        return self.untied().compute_at(loss)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From Chinchilla's coordinates with both exponents `alpha`."""
        made = ChinchillaLaw.from_reference({**coordinates, "beta": coordinates["alpha"]}, reference)
        return cls(l_inf=made.l_inf, a=made.a, b=made.b, alpha=made.alpha)

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share`, `size_share` and `alpha` at the reference point."""
        coordinates = self.untied().at_reference(reference)
        return {name: coordinates[name] for name in self.priors}

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        r"""1, $(N / N_{ref})^{-\alpha}$ and $(D / D_{ref})^{-\alpha}$."""
        size_column = (n / reference.n) ** -shape["alpha"]
        return np.stack([np.ones_like(size_column), size_column, (d / reference.d) ** -shape["alpha"]], axis=-1)

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share` and `size_share` from floor, size term and token term at the reference point."""
        return ChinchillaLaw.coordinates_from_terms(shape, terms, reference)


LAW = TiedLaw
