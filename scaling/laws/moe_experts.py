"""Routed networks: size and number of experts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec, CovariateSpec
from scaling.laws._law import LOG_COUNT_LIMIT, Reference
from scaling.laws._separable import AbstractSeparableLaw
from scaling.laws._unsaturated import LEVEL_PRIOR, unsaturated_prior
from scaling.prior_specs import LogitNormal, LogNormal, Normal


@final
@pytree
class ExpertsLaw(AbstractSeparableLaw):
    r"""Logarithms of size and of a saturating number of experts, and their product.

    $\log_{10} L = a \log_{10} N + b \log_{10} \hat E + c \log_{10} N \log_{10} \hat E + d$ with
    $1 / \hat E = 1 / (E - 1 + (1 / E_{start} - 1 / E_{max})^{-1}) + 1 / E_{max}$:
    $\hat E$ rises from $E_{start}$ at one expert to $E_{max}$ without end.

    - `a`, `b`: slopes in size and in experts, both below zero; `c`: how the gain from experts shrinks with size.
    - `d`: decimal logarithm of the loss at N = 1 and $\hat E$ = 1.
    - `e_start`, `e_max`: bounds of $\hat E$.

    N is the size of the network without routing, the same whatever the number of experts. For runs of one token budget
    (the source's saw 130e9), so that tokens are no variable; without a floor. Beyond $\log_{10} N = -b / c$ experts
    would cost loss: the source's N_cutoff.

    Source: Clark et al. 2022, eq. 1 and table 3.
    """

    name = "moe_experts"
    variables = ("n",)
    formula = "log10 L = a log10 N + b log10 E^ + c log10 N log10 E^ + d, 1/E^ = 1/(E - 1 + k) + 1/E_max"
    citation = Citation(
        key="clark2022",
        text="Clark et al. (2022). Unified scaling laws for routed language models. arXiv:2202.01169, eq. 1.",
        url="https://arxiv.org/abs/2202.01169",
    )
    covariates = (
        CovariateSpec("experts", "1", "number of experts E; 1 is a dense network", at_least=1.0, usual=(1.0, 512.0)),
    )
    coefficients = (
        CoefficientSpec("a", "1", "slope in log10 size", positive=False),
        CoefficientSpec("b", "1", "slope in log10 effective experts", positive=False),
        CoefficientSpec("c", "1", "slope in the product of both", positive=False),
        CoefficientSpec("d", "1", "log10 of the loss at one parameter and one effective expert", positive=False),
        CoefficientSpec("e_start", "1", "effective experts of a dense network"),
        CoefficientSpec("e_max", "1", "effective experts of a network with experts without end"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **LEVEL_PRIOR,
        "size_exponent": unsaturated_prior(0.065),
        "expert_exponent": Normal(loc=0.04, scale=0.03),
        "interaction": Normal(loc=0.01, scale=0.01),
        "e_max": LogNormal(median=400.0, scale=0.7),
        "start_share": LogitNormal(loc=-5.0, scale=0.7),  # e_start / e_max; published .004 to .009
    }
    shape_coordinates = ("size_exponent", "expert_exponent", "interaction", "e_max", "start_share")

    a: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    c: Float[Array, "*draw"]
    d: Float[Array, "*draw"]
    e_start: Float[Array, "*draw"]
    e_max: Float[Array, "*draw"]

    def effective_experts(self, experts: Float[Array, "*point"]) -> Float[Array, "*point"]:
        r"""$\hat E$."""
        effective: Any = 1.0 / (
            1.0 / (experts - 1.0 + 1.0 / (1.0 / self.e_start - 1.0 / self.e_max)) + 1.0 / self.e_max
        )
        return effective

    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        r"""$\ln 10 \cdot \log_{10} L$."""
        slope, intercept = self._line(covariates)
        xp = array_namespace(self.a, n, slope)
        log_loss: Any = slope * xp.log(xp.asarray(n)) + math.log(10.0) * intercept
        return log_loss

    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """0: the law has no floor."""
        return 0.0 * self._line(covariates)[0]

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$\log_{10} N = (\log_{10} L - d - b \log_{10} \hat E) / (a + c \log_{10} \hat E)$; `inf` at a loss of 0.

        `inf` too where the loss does not fall with size ($a + c \log_{10} \hat E \ge 0$) or beyond 1e30 parameters.
        """
        del d
        slope, intercept = self._line(covariates)
        xp = array_namespace(self.a, loss, slope)
        loss = xp.asarray(loss) + 0.0 * slope
        reachable = (loss > 0) & (slope < 0)
        log_loss = xp.log(xp.where(reachable, loss, 1.0))
        log_n = (log_loss - math.log(10.0) * intercept) / xp.where(reachable, slope, -1.0)
        reachable = reachable & (log_n < LOG_COUNT_LIMIT)
        return xp.where(reachable, xp.exp(xp.where(reachable, log_n, 0.0)), xp.inf)

    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """The same as `size_at`: the law does not depend on tokens."""
        del tokens_per_parameter
        return self.size_at(loss, **covariates)

    def _line(self, covariates: Mapping[str, Any]) -> tuple[Any, Any]:
        """Slope and intercept of log10 L in log10 N at this number of experts."""
        experts = self.needed_covariates(covariates)["experts"]
        xp = array_namespace(self.a, experts)
        log_experts = xp.log10(self.effective_experts(xp.asarray(experts) + 0.0))
        return self.a + self.c * log_experts, self.b * log_experts + self.d

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        r"""From the loss and its slopes at the reference point.

        `size_exponent` is $-\partial \ln L / \partial \ln N$, `expert_exponent` the same in $\ln \hat E$,
        `interaction` is c, `start_share` is $E_{start} / E_{max}$.
        """
        xp = array_namespace(*coordinates.values())
        e_max, c = coordinates["e_max"], coordinates["interaction"]
        e_start = coordinates["start_share"] * e_max
        zero = 0.0 * e_max
        bare = cls(a=zero, b=zero, c=c, d=zero, e_start=e_start, e_max=e_max)
        log_experts = xp.log10(bare.effective_experts(xp.asarray(reference.covariates["experts"]) + 0.0))
        log_n = xp.log10(xp.asarray(reference.n))
        a = -coordinates["size_exponent"] - c * log_experts
        b = -coordinates["expert_exponent"] - c * log_n
        log_loss = (xp.log(xp.asarray(reference.loss)) + coordinates["level"]) / math.log(10.0)
        d = log_loss - a * log_n - b * log_experts - c * log_n * log_experts
        return cls(a=a, b=b, c=c, d=d, e_start=e_start, e_max=e_max)

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """The loss and its slopes at the reference point."""
        xp = array_namespace(self.a)
        experts = reference.covariates["experts"]
        log_n = xp.log10(xp.asarray(reference.n))
        return {
            "level": self.log_loss(reference.n, experts=experts) - xp.log(xp.asarray(reference.loss)),
            "size_exponent": -self._line({"experts": experts})[0],
            "expert_exponent": -self.b - self.c * log_n,
            "interaction": self.c,
            "e_max": self.e_max,
            "start_share": self.e_start / self.e_max,
        }

    @classmethod
    def columns(cls, shape: Mapping[str, Any], n: Any, d: Any, reference: Reference, **covariates: Any) -> Any:
        """The loss over that at the reference point."""
        made = cls.from_reference({"level": np.zeros(()), **shape}, reference)
        return np.exp(made.log_loss(n, **covariates) - np.log(reference.loss))[:, np.newaxis]

    @classmethod
    def coordinates_from_terms(cls, shape: Mapping[str, Any], terms: Any, reference: Reference) -> dict[str, Any]:
        """`level` from the loss at the reference point."""
        return {"level": np.log(terms[0] / reference.loss), **shape}


LAW = ExpertsLaw
