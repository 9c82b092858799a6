"""Chinchilla's law with an outer exponent: the flexible default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, final

from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.laws._law import AbstractLaw, Reference
from scaling.laws._saturating import FLOOR_PRIORS
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.prior_specs import LogitNormal, LogNormal

# The compute-optimal size grows as C^a with a = beta / (alpha + beta) whatever the outer exponent. Nine studies with
# tuned set-ups find a in .46-.54 (Hoffmann 2022: .50, .49, .46; Besiroglu 2024: .513; Porian 2024: .497, .518;
# Gadre 2024: .50; DeepSeek 2024: .524; Llama 3 2024: .537): ln(beta / alpha) = ln(a / (1 - a)) scatters by .09.
EXPONENT_RATIO_PRIOR = LogNormal(median=1.0, scale=0.1)


@final
@pytree
class SkalingLaw(AbstractLaw):
    r"""The reducible loss is a power of the sum of a power of size and a power of tokens.

    $L(N, D) = E + (A / N^{\alpha} + B / D^{\beta})^{k}$

    With k = 1 it is Chinchilla's law; with E = 0 and $\beta k = \alpha_D$ Kaplan's joint law. Far from the other
    bottleneck the loss falls with the *effective* exponents $k\alpha$ and $k\beta$. k below 1 makes a run that is
    short of both size and tokens better than the sum of both shortages.

    - `l_inf`: irreducible loss E, nats per token.
    - `a`, `alpha`: amplitude and exponent of size inside the bracket.
    - `b`, `beta`: amplitude and exponent of tokens inside the bracket.
    - `k`: outer exponent, dimensionless.

    Source: Kaplan et al. 2020, eq. 1.5, with a floor; Hoffmann et al. 2022, eq. 2, at k = 1.
    """

    name = "skaling"
    variables = ("n", "d")
    formula = "L(N, D) = E + (A / N^alpha + B / D^beta)^k"
    citation = Citation(
        key="kaplan2020",
        text="Kaplan et al. (2020). Scaling laws for neural language models. arXiv:2001.08361, eq. 1.5, with a floor.",
        url="https://arxiv.org/abs/2001.08361",
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss E"),
        CoefficientSpec("a", "(nats per token)^(1/k)", "amplitude A of the size term"),
        CoefficientSpec("alpha", "1", "exponent of size inside the bracket"),
        CoefficientSpec("b", "(nats per token)^(1/k)", "amplitude B of the token term"),
        CoefficientSpec("beta", "1", "exponent of tokens inside the bracket"),
        CoefficientSpec("k", "1", "outer exponent"),
    )
    # Priors on effective exponents: on those inside the bracket, with k free, they would be a ridge.
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **FLOOR_PRIORS,
        "size_share": LogitNormal(loc=0.0, scale=1.0),
        "exponent": LogNormal(median=0.33, scale=0.14),
        "exponent_ratio": EXPONENT_RATIO_PRIOR,
        "k": LogNormal(median=0.67, scale=0.5),
    }

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    k: Float[Array, "*draw"]

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        r"""$\ln(e^{\ln E} + e^{k \ln(e^{\ln A - \alpha \ln N} + e^{\ln B - \beta \ln D})})$."""
        del covariates
        xp = array_namespace(self.l_inf, n, d)
        size_term = xp.log(self.a) - self.alpha * xp.log(xp.asarray(n))
        token_term = xp.log(self.b) - self.beta * xp.log(xp.asarray(d))
        return xp.logaddexp(xp.log(self.l_inf), self.k * xp.logaddexp(size_term, token_term))

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """E."""
        del covariates
        return self.l_inf

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$N = [A / ((L - E)^{1/k} - B D^{-\beta})]^{1/\alpha}$; `inf` where that is not above zero."""
        return self._bracket().size_at(self._bracket_at(loss), d, **covariates)

    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$D = [B / ((L - E)^{1/k} - A N^{-\alpha})]^{1/\beta}$; `inf` where that is not above zero."""
        return self._bracket().tokens_at(self._bracket_at(loss), n, **covariates)

    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""Chinchilla's root of $A N^{-\alpha} + B (rN)^{-\beta} = (L - E)^{1/k}$; `inf` where $L \le E$."""
        return self._bracket().size_at_ratio(self._bracket_at(loss), tokens_per_parameter, **covariates)

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        r"""Chinchilla's optimum of the bracket: a power of it moves no minimum (Hoffmann 2022, eq. 4)."""
        return self._bracket().optimum(c, **covariates)

    def compute_at(self, loss: Float[Array, "*draw"], **covariates: Array) -> Float[Array, "*draw"]:
        """Chinchilla's least compute for the bracket that belongs to `loss`; `inf` where the floor is not below."""
        return self._bracket().compute_at(self._bracket_at(loss), **covariates)

    def _bracket(self) -> ChinchillaLaw:
        """$A N^{-\\alpha} + B D^{-\\beta}$: Chinchilla's law without a floor."""
        return ChinchillaLaw(l_inf=0.0 * self.a, a=self.a, alpha=self.alpha, b=self.b, beta=self.beta)

    def _bracket_at(self, loss: Any) -> Any:
        r"""$(L - E)^{1/k}$; 0, which no bracket reaches, where the floor is not below `loss`."""
        xp = array_namespace(self.l_inf, loss)
        reducible = xp.asarray(loss) - self.l_inf
        reachable = reducible > 0
        return xp.where(reachable, xp.where(reachable, reducible, 1.0) ** (1.0 / self.k), 0.0)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        r"""From `level`, `floor_share` and `size_share` (of the bracket) at the reference, and the exponents.

        `exponent` is $k\sqrt{\alpha\beta}$, `exponent_ratio` $\beta / \alpha$.
        """
        level, share, k = coordinates["level"], coordinates["floor_share"], coordinates["k"]
        xp = array_namespace(level, share, k)
        loss = reference.loss * xp.exp(level)
        log_bracket = (xp.log1p(-share) + xp.log(loss)) / k
        root = xp.sqrt(coordinates["exponent_ratio"])
        alpha, beta = coordinates["exponent"] / (k * root), coordinates["exponent"] * root / k
        size_share = coordinates["size_share"]
        log_n, log_d = xp.log(xp.asarray(reference.n)), xp.log(xp.asarray(reference.d))
        return cls(
            l_inf=share * loss,
            a=xp.exp(log_bracket + xp.log(size_share) + alpha * log_n),
            alpha=alpha,
            b=xp.exp(log_bracket + xp.log1p(-size_share) + beta * log_d),
            beta=beta,
            k=k,
        )

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share`, `size_share`, `exponent`, `exponent_ratio` and `k` at the reference point."""
        xp = array_namespace(self.l_inf)
        loss = self.loss(reference.n, reference.d)
        log_size_term = xp.log(self.a) - self.alpha * xp.log(xp.asarray(reference.n))
        return {
            "level": xp.log(loss / reference.loss),
            "floor_share": self.l_inf / loss,
            "size_share": xp.exp(log_size_term) / self._bracket_at(loss),
            "exponent": self.k * xp.sqrt(self.alpha * self.beta),
            "exponent_ratio": self.beta / self.alpha,
            "k": self.k,
        }


LAW = SkalingLaw
