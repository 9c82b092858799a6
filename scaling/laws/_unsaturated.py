"""A power of one variable without a floor: what Kaplan's three laws in one variable share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

import numpy as np

from scaling._pytree import array_namespace
from scaling.coefficient_specs import Citation
from scaling.laws._law import Reference
from scaling.laws._numeric import count_at
from scaling.laws._one_variable import AbstractOneVariableLaw
from scaling.laws._separable import AbstractSeparableLaw
from scaling.prior_specs import LogNormal, Normal, PriorSpec


def kaplan_2020(equation: str) -> Citation:
    """Kaplan et al. 2020 with the number of the equation."""
    return Citation(
        key="kaplan2020",
        text=f"Kaplan et al. (2020). Scaling laws for neural language models. arXiv:2001.08361, {equation}.",
        url="https://arxiv.org/abs/2001.08361",
    )


def unsaturated_prior(median: float) -> LogNormal:
    """Prior of an exponent towards zero loss: local slopes differ more than exponents towards a floor (a guess)."""
    return LogNormal(median=median, scale=0.4)


# The loss at the reference point, as for the laws with a floor.
LEVEL_PRIOR: dict[str, PriorSpec] = {"level": Normal(loc=0.0, scale=0.3)}


class AbstractUnsaturatedPower(AbstractOneVariableLaw, AbstractSeparableLaw):
    r"""$L(x) = (x_c / x)^{\alpha}$: a straight line in logarithms, valid far above any floor."""

    scale_name: ClassVar[str]  # the field that holds x_c
    shape_coordinates = ("alpha",)

    alpha: Any

    @final
    def limit(self, **covariates: Any) -> Any:
        """0: the law has no floor."""
        return 0.0 * self.alpha

    @final
    def log_loss(self, n: Any = None, d: Any = None, **covariates: Any) -> Any:
        r"""$\alpha (\ln x_c - \ln x)$."""
        x, x_c = self.variable_of(n, d), getattr(self, self.scale_name)
        xp = array_namespace(self.alpha, x)
        return self.alpha * (xp.log(x_c) - xp.log(x))

    @final
    def variable_at(self, loss: Any) -> Any:
        r"""$x = x_c L^{-1/\alpha}$; `inf` at a loss of zero."""
        xp = array_namespace(self.alpha, loss)
        return getattr(self, self.scale_name) * count_at(xp.asarray(loss) + 0.0, xp.ones_like(self.alpha), self.alpha)

    @final
    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """From `level` = ln(loss at the reference / reference loss) and `alpha`."""
        level, alpha = coordinates["level"], coordinates["alpha"]
        xp = array_namespace(level, alpha)
        log_x = xp.log(xp.asarray(cls.variable_of(reference.n, reference.d)))
        log_loss = xp.log(xp.asarray(reference.loss)) + level
        return cls(**{cls.scale_name: xp.exp(log_x + log_loss / alpha), "alpha": alpha})

    @final
    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level` and `alpha` at the reference point."""
        log_loss = self.log_loss(reference.n, reference.d)
        xp = array_namespace(log_loss)
        return {"level": log_loss - xp.log(xp.asarray(reference.loss)), "alpha": self.alpha}

    @final
    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        r"""$(x / x_{ref})^{-\alpha}$."""
        ratio = cls.variable_of(n, d) / cls.variable_of(reference.n, reference.d)
        return (ratio ** -shape["alpha"])[:, np.newaxis]

    @final
    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level` from the loss at the reference point."""
        return {"level": np.log(terms[0] / reference.loss), "alpha": shape["alpha"]}
