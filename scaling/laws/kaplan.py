"""Kaplan's joint law in size and tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.compute import FLOPS_PER_PARAMETER_TOKEN
from scaling.laws._law import Reference
from scaling.laws._numeric import count_at
from scaling.laws._separable import AbstractSeparableLaw
from scaling.laws._unsaturated import LEVEL_PRIOR, kaplan_2020, unsaturated_prior
from scaling.prior_specs import LogitNormal


@final
@pytree
class KaplanLaw(AbstractSeparableLaw):
    r"""Size and tokens limit the loss together, without a floor.

    $L(N, D) = \left[(N_c / N)^{\alpha_N / \alpha_D} + D_c / D\right]^{\alpha_D}$

    - `n_c`: size at which the loss would be 1 nat with tokens without end, non-embedding parameters.
    - `alpha_n`: exponent of size where tokens abound.
    - `d_c`: tokens at which the loss would be 1 nat at a size without end.
    - `alpha_d`: exponent of tokens where size abounds.

    Published for this form: N_c 6.4e13, alpha_N .076, D_c 1.8e13, alpha_D .103 (table 2). The constants of L(N) and of
    L(D) alone are others; with alpha_D = .095 the tokens needed would grow as N^.80 in place of N^.74. Its own
    compute-optimal size grows as $C^{1 / (1 + \alpha_N / \alpha_D)} = C^{.58}$: the .73 that the source recommends
    comes from its law in training steps.

    Source: Kaplan et al. 2020, eq. 1.5.
    """

    name = "kaplan"
    variables = ("n", "d")
    formula = "L(N, D) = ((N_c / N)^(alpha_N / alpha_D) + D_c / D)^alpha_D"
    citation = kaplan_2020("eq. 1.5")
    coefficients = (
        CoefficientSpec("n_c", "parameters", "size at which the loss would be 1 nat with tokens without end"),
        CoefficientSpec("alpha_n", "1", "exponent of size"),
        CoefficientSpec("d_c", "tokens", "tokens at which the loss would be 1 nat at a size without end"),
        CoefficientSpec("alpha_d", "1", "exponent of tokens"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **LEVEL_PRIOR,
        "size_share": LogitNormal(loc=0.0, scale=1.0),
        "alpha_n": unsaturated_prior(0.076),
        "alpha_d": unsaturated_prior(0.1),
    }
    shape_coordinates = ("size_share", "alpha_n", "alpha_d")

    n_c: Float[Array, "*draw"]
    alpha_n: Float[Array, "*draw"]
    d_c: Float[Array, "*draw"]
    alpha_d: Float[Array, "*draw"]

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        r"""$\alpha_D \ln(e^{(\alpha_N / \alpha_D)(\ln N_c - \ln N)} + e^{\ln D_c - \ln D})$."""
        xp = array_namespace(self.n_c, n, d)
        size_term = self.alpha_n / self.alpha_d * (xp.log(self.n_c) - xp.log(xp.asarray(n)))
        return self.alpha_d * xp.logaddexp(size_term, xp.log(self.d_c) - xp.log(xp.asarray(d)))

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """0: the law has no floor."""
        return 0.0 * self.alpha_d

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$N = N_c (L^{1/\alpha_D} - D_c / D)^{-\alpha_D / \alpha_N}$; `inf` where the tokens do not allow it."""
        xp = array_namespace(self.n_c, loss, d)
        left = self._bracket(loss) - self.d_c / xp.asarray(d)
        return self.n_c * count_at(left, xp.ones_like(self.n_c), self.alpha_n / self.alpha_d)

    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$D = D_c / (L^{1/\alpha_D} - (N_c / N)^{\alpha_N / \alpha_D})$; `inf` where the size does not allow it."""
        xp = array_namespace(self.n_c, loss, n)
        size_term = xp.exp(self.alpha_n / self.alpha_d * (xp.log(self.n_c) - xp.log(xp.asarray(n))))
        return count_at(self._bracket(loss) - size_term, self.d_c, 1.0)

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        r"""Where $p (N_c / N)^p = D_c / D$, $p = \alpha_N / \alpha_D$: $N^{1+p} = p N_c^p (C / 6) / D_c$ (derived)."""
        xp = array_namespace(self.n_c, c)
        power = self.alpha_n / self.alpha_d
        log_nd = xp.log(xp.asarray(c) / FLOPS_PER_PARAMETER_TOKEN)
        log_n = (xp.log(power) + power * xp.log(self.n_c) + log_nd - xp.log(self.d_c)) / (1.0 + power)
        return xp.exp(log_n), xp.exp(log_nd - log_n)

    def compute_at(self, loss: Float[Array, "*draw"], **covariates: Array) -> Float[Array, "*draw"]:
        r"""$6 N D$ with $(N_c / N)^p = D_c / (p D) = L^{1/\alpha_D} / (1 + p)$, $p = \alpha_N / \alpha_D$ (derived)."""
        xp = array_namespace(self.n_c, loss)
        power = self.alpha_n / self.alpha_d
        size_term = self._bracket(loss) / (1.0 + power)
        n = self.n_c * count_at(size_term, xp.ones_like(self.n_c), power)
        return FLOPS_PER_PARAMETER_TOKEN * n * count_at(power * size_term, self.d_c, 1.0)

    def _bracket(self, loss: Any) -> Any:
        r"""$L^{1/\alpha_D}$; 0 where no loss above zero is asked for."""
        xp = array_namespace(self.alpha_d, loss)
        loss = xp.asarray(loss)
        asked = loss > 0
        return xp.where(asked, xp.exp(xp.log(xp.where(asked, loss, 1.0)) / self.alpha_d), 0.0)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From the loss at the reference (`level`), the size term's share of the bracket there, and the exponents."""
        level, share = coordinates["level"], coordinates["size_share"]
        alpha_n, alpha_d = coordinates["alpha_n"], coordinates["alpha_d"]
        xp = array_namespace(level, share, alpha_n, alpha_d)
        log_bracket = (xp.log(xp.asarray(reference.loss)) + level) / alpha_d
        log_size_term, log_token_term = xp.log(share) + log_bracket, xp.log(1.0 - share) + log_bracket
        return cls(
            n_c=xp.exp(xp.log(xp.asarray(reference.n)) + log_size_term * alpha_d / alpha_n),
            alpha_n=alpha_n,
            d_c=xp.exp(xp.log(xp.asarray(reference.d)) + log_token_term),
            alpha_d=alpha_d,
        )

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level`, `size_share`, `alpha_n` and `alpha_d` at the reference point."""
        xp = array_namespace(self.n_c)
        log_loss = self.log_loss(reference.n, reference.d)
        size_term = self.alpha_n / self.alpha_d * (xp.log(self.n_c) - xp.log(xp.asarray(reference.n)))
        return {
            "level": log_loss - xp.log(xp.asarray(reference.loss)),
            "size_share": xp.exp(size_term - log_loss / self.alpha_d),
            "alpha_n": self.alpha_n,
            "alpha_d": self.alpha_d,
        }

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        r"""$[s (N / N_{ref})^{-\alpha_N / \alpha_D} + (1 - s) D_{ref} / D]^{\alpha_D}$, s the size term's share."""
        share, alpha_d = shape["size_share"], shape["alpha_d"]
        bracket = share * (n / reference.n) ** (-shape["alpha_n"] / alpha_d) + (1.0 - share) * reference.d / d
        return (bracket**alpha_d)[:, np.newaxis]

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level` from the loss at the reference point."""
        return {"level": np.log(terms[0] / reference.loss), **shape}


LAW = KaplanLaw
