"""A power of one variable towards a floor: what the three power laws (in size, tokens, compute) share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

import numpy as np

from scaling._pytree import array_namespace
from scaling.coefficient_specs import Citation
from scaling.laws._law import Reference
from scaling.laws._one_variable import AbstractOneVariableLaw
from scaling.laws._separable import AbstractSeparableLaw
from scaling.prior_specs import LogitNormal, LogNormal, Normal, PriorSpec

HENIGHAN_2020 = Citation(
    key="henighan2020",
    text="Henighan et al. (2020). Scaling laws for autoregressive generative modeling. arXiv:2010.14701, eq. 1.1.",
    url="https://arxiv.org/abs/2010.14701",
)
# Reference coordinates' priors: the loss and its floor as measured useful on real extrapolation splits (a weak
# pull), the exponent within the spread of published fits.
FLOOR_PRIORS: dict[str, PriorSpec] = {
    "level": Normal(loc=0.0, scale=0.3),
    "floor_share": LogitNormal(loc=0.7, scale=0.8),
}


def exponent_prior(median: float) -> LogNormal:
    """Prior of an exponent: published exponents of one kind scatter by about 20 % around their median."""
    return LogNormal(median=median, scale=0.2)


class AbstractSaturatingPower(AbstractOneVariableLaw, AbstractSeparableLaw):
    r"""$L(x) = L_\infty + (x_0 / x)^{\alpha}$, computed as $L_\infty + e^{-\alpha (\ln x - \ln x_0)}$."""

    scale_name: ClassVar[str]  # the field that holds x_0
    shape_coordinates = ("alpha",)

    l_inf: Any
    alpha: Any

    @final
    def limit(self, **covariates: Any) -> Any:
        """$L_\\infty$."""
        return self.l_inf

    @final
    def log_loss(self, n: Any = None, d: Any = None, **covariates: Any) -> Any:
        """$\\ln (e^{\\ln L_\\infty} + e^{\\alpha (\\ln x_0 - \\ln x)})$."""
        x = self.variable_of(n, d)
        x_0 = getattr(self, self.scale_name)
        xp = array_namespace(self.l_inf, x)
        return xp.logaddexp(xp.log(self.l_inf), self.alpha * (xp.log(x_0) - xp.log(x)))

    @final
    def variable_at(self, loss: Any) -> Any:
        r"""$x = x_0 (L - L_\infty)^{-1/\alpha}$; `inf` where the floor is not below `loss`."""
        x_0 = getattr(self, self.scale_name)
        xp = array_namespace(self.l_inf, loss)
        reducible = xp.asarray(loss) - self.l_inf
        reachable = reducible > 0
        # Twice guarded: the branch not taken must not put a NaN into a gradient.
        log_reducible = xp.log(xp.where(reachable, reducible, 1.0))
        return xp.where(reachable, xp.exp(xp.log(x_0) - log_reducible / self.alpha), xp.inf)

    @final
    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From `level` = ln(loss at the reference / reference loss), `floor_share` = floor / that loss, `alpha`."""
        level, share, alpha = coordinates["level"], coordinates["floor_share"], coordinates["alpha"]
        xp = array_namespace(level, share, alpha)
        loss = reference.loss * xp.exp(level)
        x_ref = cls.variable_of(reference.n, reference.d)
        log_x_0 = xp.log(xp.asarray(x_ref)) + xp.log((1.0 - share) * loss) / alpha
        return cls(**{"l_inf": share * loss, cls.scale_name: xp.exp(log_x_0), "alpha": alpha})

    @final
    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share` and `alpha` at the reference point."""
        loss = self.loss(reference.n, reference.d)
        xp = array_namespace(loss)
        return {"level": xp.log(loss / reference.loss), "floor_share": self.l_inf / loss, "alpha": self.alpha}

    @final
    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        r"""1 and $(x / x_{ref})^{-\alpha}$."""
        ratio = cls.variable_of(n, d) / cls.variable_of(reference.n, reference.d)
        return np.stack([np.ones_like(ratio), ratio ** -shape["alpha"]], axis=-1)

    @final
    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level` and `floor_share` from the floor and the reducible loss at the reference point."""
        loss = terms[0] + terms[1]
        return {"level": np.log(loss / reference.loss), "floor_share": terms[0] / loss, "alpha": shape["alpha"]}
