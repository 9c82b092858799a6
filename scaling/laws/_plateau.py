"""M4: a fall from the loss of guessing to the floor, shared by the three laws `m4` (in size, tokens, compute)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

from scaling._pytree import array_namespace
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.laws._law import Reference
from scaling.laws._one_variable import AbstractOneVariableLaw
from scaling.prior_specs import LogitNormal, LogNormal, Normal, PriorSpec

ALABDULMOHSIN_2022 = Citation(
    key="alabdulmohsin2022",
    text=(
        "Alabdulmohsin, Neyshabur and Zhai (2022). Revisiting neural scaling laws in language and vision. "
        "arXiv:2209.06640, section 3, estimator M4."
    ),
    url="https://arxiv.org/abs/2209.06640",
)
# Newton's steps on a function whose slope lies between 1 and alpha: measured to reach 1e-13 for alpha from .01 to 20.
_NEWTON_STEPS = 8
# e^-800 of the range is 0 in double precision: a root beyond it has no other loss, and inf - inf is not met.
_FARTHEST = 800.0


def m4_coefficients(scale: str) -> tuple[CoefficientSpec, ...]:
    """The five coefficients where x is counted in `scale`."""
    return (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss"),
        CoefficientSpec("l_0", "nats per token", "loss of guessing, from which the curve starts; above l_inf"),
        CoefficientSpec("alpha", "1", "how far the loss of guessing holds the fall back; 0 is a power law"),
        CoefficientSpec("beta", f"(nats per token)^(1 - alpha) x {scale}^-c", "amplitude"),
        CoefficientSpec("c", "1", f"exponent of {scale}, below zero", positive=False),
    )


def m4_priors(exponent: float) -> dict[str, PriorSpec]:
    """Priors of the reference coordinates, `exponent` the median of -c.

    A curve that still shows its plateau has covered an unknown part of the way down: floor and start are nearly free.
    alpha as in the prior that Lee et al. 2025 (arXiv:2505.23032, appendix) drew curves from.
    """
    return {
        "level": Normal(loc=0.0, scale=0.3),
        "floor_share": LogitNormal(loc=0.0, scale=1.2),
        "remaining_share": LogitNormal(loc=-0.5, scale=1.2),
        "alpha": LogNormal(median=1.0, scale=0.5),
        "exponent": LogNormal(median=exponent, scale=0.6),
    }


class AbstractPlateauLaw(AbstractOneVariableLaw):
    r"""$\frac{L - L_\infty}{(L_0 - L)^{\alpha}} = \beta x^{c}$ with $c < 0$: M4; M2 is $\alpha = 0$.

    With $p = (L - L_\infty) / (L_0 - L_\infty)$ and $q = \mathrm{logit}\, p$ it reads
    $g(q) = -\ln(1 + e^{-q}) + \alpha \ln(1 + e^{q}) = \kappa$, $\kappa = \ln\beta + c \ln x - (1-\alpha)
    \ln(L_0 - L_\infty)$. The slope of $g$ lies between 1 and $\alpha$ and its curvature has one sign, so Newton's
    method converges from any start; its last steps carry the exact derivatives.
    """

    l_inf: Any
    l_0: Any
    alpha: Any
    beta: Any
    c: Any

    @final
    def limit(self, **covariates: Any) -> Any:
        """$L_\\infty$."""
        return self.l_inf

    @final
    def log_loss(self, n: Any = None, d: Any = None, **covariates: Any) -> Any:
        r"""$\ln (e^{\ln L_\infty} + e^{\ln (L_0 - L_\infty) + \ln p})$."""
        x = self.variable_of(n, d)
        xp = array_namespace(self.l_inf, x)
        log_range = xp.log(self.l_0 - self.l_inf)
        level = xp.log(self.beta) + self.c * xp.log(xp.asarray(x)) - (1.0 - self.alpha) * log_range
        q = _root(xp.clip(level, -_FARTHEST, _FARTHEST), self.alpha)
        return xp.logaddexp(xp.log(self.l_inf), log_range - xp.logaddexp(0.0 * q, -q))

    @final
    def variable_at(self, loss: Any) -> Any:
        r"""$x = [(L - L_\infty) (L_0 - L)^{-\alpha} / \beta]^{1/c}$; 0 from $L_0$ up, `inf` from the floor down."""
        xp = array_namespace(self.l_inf, loss)
        reducible = xp.asarray(loss) - self.l_inf
        gained = self.l_0 - xp.asarray(loss)
        # Twice guarded: the branches not taken must not put a NaN into a gradient.
        log_reducible = xp.log(xp.where(reducible > 0, reducible, 1.0))
        log_gained = xp.log(xp.where(gained > 0, gained, 1.0))
        x = xp.exp((log_reducible - self.alpha * log_gained - xp.log(self.beta)) / self.c)
        return xp.where(reducible > 0, xp.where(gained > 0, x, 0.0), xp.inf)

    @final
    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        r"""From `level` = ln(loss at the reference / reference loss), `floor_share` = $L_\infty$ / that loss.

        `remaining_share` is $p$ there, `alpha` itself, `exponent` $-c$.
        """
        level, floor, p = coordinates["level"], coordinates["floor_share"], coordinates["remaining_share"]
        alpha, exponent = coordinates["alpha"], coordinates["exponent"]
        xp = array_namespace(level, floor, p, alpha, exponent)
        loss = reference.loss * xp.exp(level)
        l_inf, log_range = floor * loss, xp.log((1.0 - floor) * loss / p)
        kappa = xp.log(p) - alpha * xp.log1p(-p)
        log_x = xp.log(xp.asarray(cls.variable_of(reference.n, reference.d)))
        log_beta = kappa + exponent * log_x + (1.0 - alpha) * log_range
        return cls(
            **{
                "l_inf": l_inf,
                "l_0": l_inf + xp.exp(log_range),
                "alpha": alpha,
                "beta": xp.exp(log_beta),
                "c": -exponent,
            }
        )

    @final
    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share`, `remaining_share`, `alpha` and `exponent` at the reference point."""
        loss = self.loss(reference.n, reference.d)
        xp = array_namespace(loss)
        return {
            "level": xp.log(loss / reference.loss),
            "floor_share": self.l_inf / loss,
            "remaining_share": (loss - self.l_inf) / (self.l_0 - self.l_inf),
            "alpha": self.alpha,
            "exponent": -self.c,
        }


def _root(level: Any, alpha: Any) -> Any:
    r"""q with $-\ln(1 + e^{-q}) + \alpha \ln(1 + e^{q}) =$ `level`."""
    xp = array_namespace(level, alpha)
    level, alpha = xp.asarray(level) + 0.0 * alpha, xp.asarray(alpha) + 0.0 * level
    q = xp.where(level < 0, level, level / xp.maximum(alpha, 1e-3))
    for _ in range(_NEWTON_STEPS):
        log_p, log_rest = -xp.logaddexp(0.0 * q, -q), -xp.logaddexp(0.0 * q, q)
        slope = xp.exp(log_rest) + alpha * xp.exp(log_p)
        q = q - (log_p - alpha * log_rest - level) / slope
    return q
