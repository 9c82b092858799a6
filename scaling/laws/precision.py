"""Chinchilla's law for networks trained and served in few bits."""

from __future__ import annotations

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
from scaling.prior_specs import LogitNormal, LogNormal, Normal

_PARTS = {"w": "weight_bits", "a": "activation_bits", "kv": "kv_bits"}
_USUAL = (4.0, 16.0)
# The loss of quantisation after training is counted at so many bits at the reference point: the data's own median is
# often 16, where there is none.
_POST_BITS = 4.0


@final
@pytree
class PrecisionLaw(AbstractSeparableLaw):
    r"""Few bits in training make a network smaller; few bits after training cost more, the longer it trained.

    $L = E + A / N_e^{\alpha} + B / D^{\beta} + \delta$ with
    $N_e = N \prod_{x \in \{w, a, kv\}} (1 - e^{n_x - P_x / \gamma_x})$ and
    $\delta = C_T \, D^{\gamma_D} N^{-\gamma_N} e^{-P_{post} / \gamma_{post}}$.

    - `l_inf`, `a`, `alpha`, `b`, `beta`: those of Chinchilla's law, to which this comes down at many bits.
    - `gamma_w`, `gamma_a`, `gamma_kv`: bits in which the loss of size falls by e, for weights, activations, KV cache.
    - `n_w`, `n_a`, `n_kv`: offsets; below $P_x = n_x \gamma_x$ bits nothing is learnt, and the loss is `inf`. The
      source's text leaves them out and its table of fitted constants has them.
    - `c_t`, `gamma_d`, `gamma_n`, `gamma_post`: amplitude and exponents of the post-training loss.

    Beyond some number of tokens the post-training loss outgrows what more tokens gain: answers are taken on the side
    where the loss falls. Compute is $6 N D$ at given bits; that fewer bits make cheaper FLOPs is not in it.

    Source: Kumar et al. 2024, eqs. 1, 2 and 4; offsets: appendix K, table 2.
    """

    name = "precision"
    variables = ("n", "d")
    falls_throughout = False
    formula = (
        "L = E + A / (N prod_x (1 - exp(n_x - P_x / gamma_x)))^alpha + B / D^beta"
        " + C_T D^gamma_D N^-gamma_N exp(-P_post / gamma_post)"
    )
    citation = Citation(
        key="kumar2024",
        text="Kumar et al. (2024). Scaling laws for precision. arXiv:2411.04330, eqs. 1, 2 and 4, table 2.",
        url="https://arxiv.org/abs/2411.04330",
    )
    covariates = (
        CovariateSpec(
            "weight_bits", "bits", "precision of the weights in training, 16 where not quantised", usual=_USUAL
        ),
        CovariateSpec("activation_bits", "bits", "precision of the activations in training, likewise", usual=_USUAL),
        CovariateSpec("kv_bits", "bits", "precision of keys and values in training, likewise", usual=_USUAL),
        CovariateSpec("post_training_bits", "bits", "precision of the weights after training, likewise", usual=_USUAL),
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss E"),
        CoefficientSpec("a", "nats per token", "amplitude A of the size term"),
        CoefficientSpec("alpha", "1", "exponent of effective size"),
        CoefficientSpec("b", "nats per token", "amplitude B of the token term"),
        CoefficientSpec("beta", "1", "exponent of tokens"),
        CoefficientSpec("gamma_w", "bits", "scale of the weights' bits"),
        CoefficientSpec("n_w", "1", "offset of the weights' bits", positive=False),
        CoefficientSpec("gamma_a", "bits", "scale of the activations' bits"),
        CoefficientSpec("n_a", "1", "offset of the activations' bits", positive=False),
        CoefficientSpec("gamma_kv", "bits", "scale of the KV cache's bits"),
        CoefficientSpec("n_kv", "1", "offset of the KV cache's bits", positive=False),
        CoefficientSpec("c_t", "nats per token", "amplitude of the post-training loss"),
        CoefficientSpec("gamma_d", "1", "exponent of tokens in the post-training loss"),
        CoefficientSpec("gamma_n", "1", "exponent of size in the post-training loss"),
        CoefficientSpec("gamma_post", "bits", "scale of the bits after training"),
    )
    # Scales and onsets near the published integer fits and its floating-point one; the latter wide (a guess).
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **FLOOR_PRIORS,
        "size_share": LogitNormal(loc=0.0, scale=1.0),
        "post_share": LogNormal(median=0.01, scale=1.0),
        "alpha": exponent_prior(0.33),
        "beta": exponent_prior(0.33),
        **{f"gamma_{part}": LogNormal(median=1.8, scale=0.5) for part in _PARTS},
        **{f"onset_{part}": Normal(loc=1.5, scale=1.0) for part in _PARTS},
        "gamma_d": LogNormal(median=0.45, scale=0.3),
        "gamma_n": LogNormal(median=0.4, scale=0.3),
        "gamma_post": LogNormal(median=0.6, scale=0.3),
    }
    shape_coordinates = (
        "alpha",
        "beta",
        *(f"gamma_{part}" for part in _PARTS),
        *(f"onset_{part}" for part in _PARTS),
        "gamma_d",
        "gamma_n",
        "gamma_post",
    )

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    gamma_w: Float[Array, "*draw"]
    n_w: Float[Array, "*draw"]
    gamma_a: Float[Array, "*draw"]
    n_a: Float[Array, "*draw"]
    gamma_kv: Float[Array, "*draw"]
    n_kv: Float[Array, "*draw"]
    c_t: Float[Array, "*draw"]
    gamma_d: Float[Array, "*draw"]
    gamma_n: Float[Array, "*draw"]
    gamma_post: Float[Array, "*draw"]

    def effective_share(self, **covariates: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """$N_e / N$ at these bits; 0 where nothing is learnt."""
        log_share = self._log_share(self.needed_covariates(covariates))
        return array_namespace(log_share).exp(log_share)

    def post_training_loss(
        self, n: Float[Array, "*point"], d: Float[Array, "*point"], bits: Float[Array, "*point"]
    ) -> Float[Array, "*point"]:
        r"""$\delta$: what quantising to `bits` after training costs."""
        xp = array_namespace(self.c_t, n, d, bits)
        loss: Any = xp.exp(self._log_post(xp.log(xp.asarray(n)), xp.log(xp.asarray(d)), xp.asarray(bits)))
        return loss

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        """The four terms' logarithms, added as exponentials."""
        given = self.needed_covariates(covariates)
        xp = array_namespace(self.l_inf, n, d, *given.values())
        log_n, log_d = xp.log(xp.asarray(n)), xp.log(xp.asarray(d))
        size_term = xp.log(self.a) - self.alpha * (log_n + self._log_share(given))
        rest = xp.logaddexp(size_term, xp.log(self.b) - self.beta * log_d)
        post = self._log_post(log_n, log_d, xp.asarray(given["post_training_bits"]))
        return xp.logaddexp(xp.log(self.l_inf), xp.logaddexp(rest, post))

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """E: size to infinity before tokens, so that the post-training loss goes too."""
        return self.l_inf

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        """Numeric: each term is an exponential of ln N along a budget, so that there is one minimum."""
        return self.numeric_optimum(c, **covariates)

    def _log_share(self, bits: Mapping[str, Any]) -> Any:
        xp = array_namespace(self.gamma_w, *bits.values())
        total: Any = 0.0
        for part, name in _PARTS.items():
            lost = getattr(self, f"n_{part}") - xp.asarray(bits[name]) / getattr(self, f"gamma_{part}")
            learns = lost < 0
            total = total + xp.where(learns, xp.log(-xp.expm1(xp.where(learns, lost, -1.0))), -xp.inf)
        return total

    def _log_post(self, log_n: Any, log_d: Any, bits: Any) -> Any:
        xp = array_namespace(self.c_t, bits)
        return xp.log(self.c_t) + self.gamma_d * log_d - self.gamma_n * log_n - bits / self.gamma_post

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From Chinchilla's coordinates at the reference's bits, and the bits' own.

        `onset_x` are the bits below which nothing is learnt, $n_x \\gamma_x$; `post_share` is the post-training loss at
        4 bits over the loss without it.
        """
        made = ChinchillaLaw.from_reference(coordinates, reference)
        xp = array_namespace(*coordinates.values())
        bits = {f"gamma_{part}": coordinates[f"gamma_{part}"] for part in _PARTS}
        bits |= {f"n_{part}": coordinates[f"onset_{part}"] / coordinates[f"gamma_{part}"] for part in _PARTS}
        post = {name: coordinates[name] for name in ("gamma_d", "gamma_n", "gamma_post")}
        log_n, log_d = xp.log(xp.asarray(reference.n)), xp.log(xp.asarray(reference.d))
        bare = cls(l_inf=made.l_inf, a=made.a, alpha=made.alpha, b=made.b, beta=made.beta, c_t=1.0, **bits, **post)
        log_share = bare._log_share(reference.covariates)
        known = reference.loss * xp.exp(coordinates["level"]) * coordinates["post_share"]
        return cls(
            l_inf=made.l_inf,
            a=made.a * xp.exp(made.alpha * log_share),
            alpha=made.alpha,
            b=made.b,
            beta=made.beta,
            c_t=known * xp.exp(-bare._log_post(log_n, log_d, xp.asarray(_POST_BITS))),
            **bits,
            **post,
        )

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """Chinchilla's coordinates at the reference's bits, and the bits' own."""
        xp = array_namespace(self.a)
        log_share = self._log_share(reference.covariates)
        without = ChinchillaLaw(
            l_inf=self.l_inf, a=self.a * xp.exp(-self.alpha * log_share), alpha=self.alpha, b=self.b, beta=self.beta
        )
        coordinates = without.at_reference(reference)
        post = self.post_training_loss(reference.n, reference.d, xp.asarray(_POST_BITS))
        coordinates["post_share"] = post / without.loss(reference.n, reference.d)
        for part in _PARTS:
            gamma = getattr(self, f"gamma_{part}")
            coordinates |= {f"gamma_{part}": gamma, f"onset_{part}": gamma * getattr(self, f"n_{part}")}
        coordinates |= {name: getattr(self, name) for name in ("gamma_d", "gamma_n", "gamma_post")}
        return {name: coordinates[name] for name in self.priors}

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        """1, the size term, the token term and the post-training loss, each 1 at the reference (the last at 4 bits)."""
        middle = {name: np.asarray(spec.middle()) for name, spec in cls.priors.items()}
        made = cls.from_reference({**middle, **shape}, reference)
        share, at = made._log_share(covariates), made._log_share(reference.covariates)
        size_column = np.exp(-shape["alpha"] * (np.log(n / reference.n) + share - at))
        post = made.post_training_loss(n, d, covariates["post_training_bits"])
        post_column = post / made.post_training_loss(reference.n, reference.d, np.asarray(_POST_BITS))
        columns = [np.ones_like(size_column), size_column, (d / reference.d) ** -shape["beta"], post_column]
        return np.stack(columns, axis=-1)

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """The level and three shares from the four terms at the reference point."""
        at = ChinchillaLaw.coordinates_from_terms({}, terms[:3], reference)
        return {**at, "post_share": terms[3] / terms[:3].sum(), **shape}


LAW = PrecisionLaw
