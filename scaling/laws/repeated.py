"""Chinchilla's law for tokens that are repeated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec, CovariateSpec
from scaling.laws._law import Reference
from scaling.laws._numeric import count_at
from scaling.laws._saturating import FLOOR_PRIORS, exponent_prior
from scaling.laws._separable import AbstractSeparableLaw
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.prior_specs import LogitNormal, LogNormal

# Published decay constants: the medians of their priors. A refit moved R_N* to 129-393 with nearly the same loss
# function (methods differ in which rows they leave out), so that its prior is wide.
_REPEATS, _EXCESS = 15.387756, 5.309743


class _Decay(NamedTuple):
    """Exponents, balance and decay constants: everything that the effective counts depend on."""

    alpha: Any
    beta: Any
    log_g: Any  # ln of G, which sets the compute-optimal size for given tokens
    r_d: Any
    r_n: Any


@final
@pytree
class RepeatedLaw(AbstractSeparableLaw):
    r"""Repeated tokens and size beyond what the unique tokens deserve are worth less and less.

    $L(N, D, U) = E + A / N_e^{\alpha} + B / D_e^{\beta}$ with, for U unique tokens,

    - $D_e = U_D (1 + R_D^* (1 - e^{-R_D / R_D^*}))$, $U_D = \min(U, D)$, $R_D = D / U_D - 1$: repetitions;
    - $N_e = U_N (1 + R_N^* (1 - e^{-R_N / R_N^*}))$, $U_N = \min(N, G (U_D G)^{\beta / \alpha})$, $R_N = N / U_N - 1$,
      $G = (\alpha A / (\beta B))^{1 / (\alpha + \beta)}$: $U_N$ is the compute-optimal size for $U_D$ tokens.

    Coefficients:

    - `l_inf`, `a`, `alpha`, `b`, `beta`: those of Chinchilla's law, to which this comes down at D <= U and N <= U_N.
    - `r_d`: $R_D^*$, repetitions after which a repeated token has lost 1 - 1/e of its value.
    - `r_n`: $R_N^*$, the same for size in excess.

    The form saturates: it cannot say that more epochs hurt. Its optimum has no closed form.

    Source: Muennighoff et al. 2023, eqs. 5, 6 and 16, 17.
    """

    name = "repeated"
    variables = ("n", "d")
    formula = "L(N, D, U) = E + A / N_e^alpha + B / D_e^beta, N_e and D_e decaying with repetitions of U unique tokens"
    citation = Citation(
        key="muennighoff2023",
        text="Muennighoff et al. (2023). Scaling data-constrained language models. arXiv:2305.16264, eqs. 5 and 6.",
        url="https://arxiv.org/abs/2305.16264",
    )
    covariates = (
        CovariateSpec(
            "unique_tokens", "tokens", "unique training tokens U, of which the tokens seen consist", usual=(1e8, 1e13)
        ),
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss E"),
        CoefficientSpec("a", "nats per token", "amplitude A of the size term"),
        CoefficientSpec("alpha", "1", "exponent of size"),
        CoefficientSpec("b", "nats per token", "amplitude B of the token term"),
        CoefficientSpec("beta", "1", "exponent of tokens"),
        CoefficientSpec("r_d", "1", "repetitions after which a token has lost 1 - 1/e of its value"),
        CoefficientSpec("r_n", "1", "excess over the size that the unique tokens deserve, likewise"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **FLOOR_PRIORS,
        "size_share": LogitNormal(loc=0.0, scale=1.0),
        "alpha": exponent_prior(0.33),
        "beta": exponent_prior(0.33),
        "r_d": LogNormal(median=_REPEATS, scale=0.7),
        "r_n": LogNormal(median=_EXCESS, scale=1.0),
    }
    shape_coordinates = ("alpha", "beta", "size_share", "r_d", "r_n")

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    r_d: Float[Array, "*draw"]
    r_n: Float[Array, "*draw"]

    def unrepeated(self) -> ChinchillaLaw:
        """The law of runs that see no token twice."""
        return ChinchillaLaw(l_inf=self.l_inf, a=self.a, alpha=self.alpha, b=self.b, beta=self.beta)

    def effective_counts(
        self, n: Float[Array, "*point"], d: Float[Array, "*point"], unique_tokens: Float[Array, "*point"]
    ) -> tuple[Float[Array, "*point"], Float[Array, "*point"]]:
        """$(N_e, D_e)$: what size and tokens are worth."""
        xp = array_namespace(self.l_inf, n, d, unique_tokens)
        log_n, log_d = _log_effective(self._decay(), n, d, unique_tokens)
        return xp.exp(log_n), xp.exp(log_d)

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        r"""$\ln(e^{\ln E} + e^{\ln A - \alpha \ln N_e} + e^{\ln B - \beta \ln D_e})$."""
        unique = self.needed_covariates(covariates)["unique_tokens"]
        xp = array_namespace(self.l_inf, n, d, unique)
        log_n, log_d = _log_effective(self._decay(), n, d, unique)
        terms = xp.logaddexp(xp.log(self.a) - self.alpha * log_n, xp.log(self.b) - self.beta * log_d)
        return xp.logaddexp(xp.log(self.l_inf), terms)

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        r"""Above E while the unique tokens are finite: $D_e \to U (1 + R_D^*)$."""
        return self.loss(math.inf, math.inf, **covariates)

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""N of the needed $N_e$: $U_N (1 - R_N^* \ln(1 - (N_e / U_N - 1) / R_N^*))$ beyond $U_N$; else `inf`."""
        unique = self.needed_covariates(covariates)["unique_tokens"]
        xp = array_namespace(self.l_inf, loss, d, unique)
        decay = self._decay()
        log_d = _log_effective(decay, 1.0, d, unique)[1]
        left = xp.asarray(loss) - self.l_inf - xp.exp(xp.log(self.b) - self.beta * log_d)
        needed = count_at(left, self.a, self.alpha)
        deserved = xp.exp(_log_deserved(decay, xp.log(xp.minimum(xp.asarray(d), xp.asarray(unique)) + 0.0)))
        excess = needed > deserved
        finite = xp.where(excess & xp.isfinite(needed), needed, deserved)
        gain = xp.where(excess, finite / xp.where(xp.isfinite(deserved), deserved, 1.0) - 1.0, 0.0) / self.r_n
        reachable = xp.isfinite(needed) & (gain < 1.0)
        beyond = deserved * (1.0 - self.r_n * xp.log1p(-xp.where(reachable, gain, 0.0)))
        return xp.where(reachable, xp.where(excess, beyond, needed), xp.inf)

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        """Numeric: with few unique tokens, more epochs and more size both buy less than at first."""
        return self.numeric_optimum(c, **covariates)

    def _decay(self) -> _Decay:
        xp = array_namespace(self.a)
        log_ratio = xp.log(self.alpha) + xp.log(self.a) - xp.log(self.beta) - xp.log(self.b)
        return _Decay(self.alpha, self.beta, log_ratio / (self.alpha + self.beta), self.r_d, self.r_n)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From Chinchilla's coordinates at the reference size and at what its tokens are worth, and `r_d`, `r_n`.

        Worth by the published decay: a point of the same law without repetition, near which the data lie.
        """
        made = ChinchillaLaw.from_reference(coordinates, _unrepeated(reference))
        return cls(
            l_inf=made.l_inf,
            a=made.a,
            alpha=made.alpha,
            b=made.b,
            beta=made.beta,
            r_d=coordinates["r_d"],
            r_n=coordinates["r_n"],
        )

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """Chinchilla's coordinates, `r_d` and `r_n`."""
        return {**self.unrepeated().at_reference(_unrepeated(reference)), "r_d": self.r_d, "r_n": self.r_n}

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        r"""1 and $s (N_e / N_{ref})^{-\alpha} + (1 - s) (D_e / D_{ref})^{-\beta}$, s the size term's share.

        The share decides on G, and so on the effective counts: given it, the loss is linear in its two parts.
        """
        alpha, beta, share = shape["alpha"], shape["beta"], shape["size_share"]
        at = _unrepeated(reference)
        log_ratio = math.log(alpha / beta * share / (1.0 - share)) + alpha * np.log(at.n) - beta * np.log(at.d)
        decay = _Decay(alpha, beta, log_ratio / (alpha + beta), shape["r_d"], shape["r_n"])
        log_n, log_d = _log_effective(decay, n, d, covariates["unique_tokens"])
        size_term, token_term = np.exp(-alpha * (log_n - np.log(at.n))), np.exp(-beta * (log_d - np.log(at.d)))
        return np.stack([np.ones_like(size_term), share * size_term + (1.0 - share) * token_term], axis=-1)

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level` and `floor_share` from the floor and the reducible loss at the reference point."""
        loss = terms[0] + terms[1]
        return {"level": np.log(loss / reference.loss), "floor_share": terms[0] / loss, **shape}


def _unrepeated(reference: Reference) -> Reference:
    """The reference point with what its tokens are worth by the published decay, and no repetition."""
    unique = reference.covariates["unique_tokens"]
    xp = array_namespace(reference.d, unique)
    log_d = _log_worth(xp.asarray(reference.d), xp.asarray(unique), _REPEATS)
    return Reference(reference.n, xp.exp(log_d), reference.loss)


def _log_effective(decay: _Decay, n: Any, d: Any, unique: Any) -> tuple[Any, Any]:
    r"""$(\ln N_e, \ln D_e)$."""
    xp = array_namespace(decay.alpha, n, d, unique)
    n, d, unique = (xp.asarray(count) + 0.0 for count in (n, d, unique))
    deserved = xp.exp(xp.minimum(_log_deserved(decay, xp.log(xp.minimum(d, unique))), 690.0))  # e^690 is no overflow
    return _log_worth(n, deserved, decay.r_n), _log_worth(d, unique, decay.r_d)


def _log_deserved(decay: _Decay, log_tokens: Any) -> Any:
    r"""$\ln [G (U_D G)^{\beta / \alpha}]$: compute-optimal size for these unique tokens."""
    return decay.log_g + decay.beta / decay.alpha * (log_tokens + decay.log_g)


def _log_worth(count: Any, full: Any, scale: Any) -> Any:
    r"""$\ln$ of `count` where it is at most `full`, of $F (1 + R^* (1 - e^{-R / R^*}))$, $R = x / F - 1$, beyond."""
    xp = array_namespace(count, full, scale)
    beyond = count > full
    # Twice guarded, so that neither a ratio of infinities nor its gradient is ever computed.
    ratio = xp.where(beyond, count, 1.0) / xp.where(beyond, full, 1.0)
    gained = -scale * xp.expm1((1.0 - ratio) / scale)
    return xp.log(xp.minimum(count, full)) + xp.where(beyond, xp.log1p(gained), 0.0)


LAW = RepeatedLaw
