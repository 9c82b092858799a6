"""Chinchilla's law in size and tokens."""

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
from scaling.prior_specs import LogitNormal

_NEWTON_STEPS = 6  # quadratic from within ln 2 of the root: the last step is below float64's resolution


@final
@pytree
class ChinchillaLaw(AbstractSeparableLaw):
    r"""Loss is a floor plus a power of size plus a power of tokens.

    $L(N, D) = E + A / N^{\alpha} + B / D^{\beta}$

    - `l_inf`: irreducible loss E, nats per token.
    - `a`, `alpha`: amplitude (nats per token) and exponent of size.
    - `b`, `beta`: amplitude (nats per token) and exponent of tokens.

    Source: Hoffmann et al. 2022, eq. 2 and approach 3.
    """

    name = "chinchilla"
    variables = ("n", "d")
    formula = "L(N, D) = E + A / N^alpha + B / D^beta"
    citation = Citation(
        key="hoffmann2022",
        text="Hoffmann et al. (2022). Training compute-optimal large language models. arXiv:2203.15556, eq. 2.",
        url="https://arxiv.org/abs/2203.15556",
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss E"),
        CoefficientSpec("a", "nats per token", "amplitude A of the size term"),
        CoefficientSpec("alpha", "1", "exponent of size"),
        CoefficientSpec("b", "nats per token", "amplitude B of the token term"),
        CoefficientSpec("beta", "1", "exponent of tokens"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **FLOOR_PRIORS,
        "size_share": LogitNormal(loc=0.0, scale=1.0),
        "alpha": exponent_prior(0.33),
        "beta": exponent_prior(0.33),
    }
    shape_coordinates = ("alpha", "beta")

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        r"""$\ln(e^{\ln E} + e^{\ln A - \alpha \ln N} + e^{\ln B - \beta \ln D})$."""
        xp = array_namespace(self.l_inf, n, d)
        size_term = xp.log(self.a) - self.alpha * xp.log(xp.asarray(n))
        token_term = xp.log(self.b) - self.beta * xp.log(xp.asarray(d))
        return xp.logaddexp(xp.log(self.l_inf), xp.logaddexp(size_term, token_term))

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """E."""
        return self.l_inf

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$N = [A / (L - E - B D^{-\beta})]^{1/\alpha}$; `inf` where that is not above zero."""
        xp = array_namespace(self.l_inf, loss, d)
        d = xp.asarray(d)
        left = loss - self.l_inf - xp.exp(xp.log(self.b) - self.beta * xp.log(d))
        return count_at(left, self.a, self.alpha)

    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$D = [B / (L - E - A N^{-\alpha})]^{1/\beta}$; `inf` where that is not above zero."""
        xp = array_namespace(self.l_inf, loss, n)
        n = xp.asarray(n)
        left = loss - self.l_inf - xp.exp(xp.log(self.a) - self.alpha * xp.log(n))
        return count_at(left, self.b, self.beta)

    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""Newton's method on $\ln(A N^{-\alpha} + B (rN)^{-\beta}) = \ln(L - E)$ in ln N; `inf` where $L \le E$.

        The left side is convex and falls, and at the larger of the two terms' own roots it is not below the right
        side: from there the steps are monotone and quadratic.
        """
        xp = array_namespace(self.l_inf, loss)
        left = xp.asarray(loss) - self.l_inf
        reachable = left > 0
        log_left = xp.log(xp.where(reachable, left, 1.0))
        log_a = xp.log(self.a) - log_left
        log_b = xp.log(self.b) - self.beta * math.log(tokens_per_parameter) - log_left
        log_n = xp.maximum(log_a / self.alpha, log_b / self.beta)
        for _ in range(_NEWTON_STEPS):
            size_term, token_term = log_a - self.alpha * log_n, log_b - self.beta * log_n
            total = xp.logaddexp(size_term, token_term)
            slope = self.alpha * xp.exp(size_term - total) + self.beta * xp.exp(token_term - total)
            log_n = log_n + total / slope
        return xp.where(reachable, xp.exp(log_n), xp.inf)

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        r"""$N^* = G (C/6)^{\beta/(\alpha+\beta)}$, $D^* = G^{-1} (C/6)^{\alpha/(\alpha+\beta)}$ (Hoffmann 2022, eq. 4).

        $G = (\alpha A / (\beta B))^{1/(\alpha+\beta)}$; there $\alpha A N^{-\alpha} = \beta B D^{-\beta}$.
        """
        xp = array_namespace(self.l_inf, c)
        log_nd = xp.log(xp.asarray(c) / FLOPS_PER_PARAMETER_TOKEN)
        log_n = self._log_g() + self.beta / (self.alpha + self.beta) * log_nd
        return xp.exp(log_n), xp.exp(log_nd - log_n)

    def compute_at(self, loss: Float[Array, "*draw"], **covariates: Array) -> Float[Array, "*draw"]:
        r"""$C = 6 [K / (L - E)]^{1/g}$ with $g = \alpha\beta/(\alpha+\beta)$, $K = A G^{-\alpha} + B G^{\beta}$.

        The inverse of the loss along the optimum; `inf` where the floor is not below `loss`.
        """
        xp = array_namespace(self.l_inf, loss)
        log_g = self._log_g()
        log_k = xp.logaddexp(xp.log(self.a) - self.alpha * log_g, xp.log(self.b) + self.beta * log_g)
        exponent = self.alpha * self.beta / (self.alpha + self.beta)
        return FLOPS_PER_PARAMETER_TOKEN * count_at(xp.asarray(loss) - self.l_inf, xp.exp(log_k), exponent)

    def _log_g(self) -> Any:
        xp = array_namespace(self.l_inf)
        log_ratio = xp.log(self.alpha) + xp.log(self.a) - xp.log(self.beta) - xp.log(self.b)
        return log_ratio / (self.alpha + self.beta)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From the loss at the reference (`level`), the floor's share of it, the size term's share of the rest."""
        level, floor, share = coordinates["level"], coordinates["floor_share"], coordinates["size_share"]
        alpha, beta = coordinates["alpha"], coordinates["beta"]
        xp = array_namespace(level, floor, share, alpha, beta)
        loss = reference.loss * xp.exp(level)
        reducible = (1.0 - floor) * loss
        return cls(
            l_inf=floor * loss,
            a=xp.exp(xp.log(share * reducible) + alpha * xp.log(xp.asarray(reference.n))),
            alpha=alpha,
            b=xp.exp(xp.log((1.0 - share) * reducible) + beta * xp.log(xp.asarray(reference.d))),
            beta=beta,
        )

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share`, `size_share`, `alpha` and `beta` at the reference point."""
        xp = array_namespace(self.l_inf)
        loss = self.loss(reference.n, reference.d)
        size_term = xp.exp(xp.log(self.a) - self.alpha * xp.log(xp.asarray(reference.n)))
        return {
            "level": xp.log(loss / reference.loss),
            "floor_share": self.l_inf / loss,
            "size_share": size_term / (loss - self.l_inf),
            "alpha": self.alpha,
            "beta": self.beta,
        }

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        r"""1, $(N / N_{ref})^{-\alpha}$ and $(D / D_{ref})^{-\beta}$."""
        size_column = (n / reference.n) ** -shape["alpha"]
        return np.stack([np.ones_like(size_column), size_column, (d / reference.d) ** -shape["beta"]], axis=-1)

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share` and `size_share` from floor, size term and token term at the reference point."""
        loss = terms[0] + terms[1] + terms[2]
        return {
            "level": np.log(loss / reference.loss),
            "floor_share": terms[0] / loss,
            "size_share": terms[1] / (terms[1] + terms[2]),
            **shape,
        }


LAW = ChinchillaLaw
