"""Smoothly broken power laws (BNSL), shared by the laws `broken` and `broken_twice` in size, tokens and compute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

from scaling._pytree import array_namespace, field_values
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.laws._law import Reference
from scaling.laws._one_variable import AbstractOneVariableLaw
from scaling.prior_specs import LogitNormal, LogNormal, Normal, PriorSpec

CABALLERO_2022 = Citation(
    key="caballero2022",
    text="Caballero, Gupta, Rish and Krueger (2022). Broken neural scaling laws. arXiv:2210.14891, eq. 1.",
    url="https://arxiv.org/abs/2210.14891",
)
# ln f is bounded: below, a break narrower than the spacing of any data is a plateau of the posterior without a
# derivative; above, a break wider than the data is no break.
_WIDTHS = (math.log(0.03), math.log(3.0))
_FARTHEST = 1e4  # e-folds: an infinite count would make inf - inf of two segments, and nothing is left to fall here


def broken_coefficients(scale: str, *, breaks: int) -> tuple[CoefficientSpec, ...]:
    """The 3 + 3 n coefficients where x is counted in `scale`."""
    specs = [
        CoefficientSpec("l_inf", "nats per token", "irreducible loss"),
        CoefficientSpec("b", f"nats per token x {scale}^c_0", "amplitude of the first segment"),
        CoefficientSpec("c_0", "1", "exponent of the first segment"),
    ]
    for i in range(1, breaks + 1):
        specs += [
            CoefficientSpec(f"c_{i}", "1", f"change of the exponent at break {i}", positive=False),
            CoefficientSpec(f"d_{i}", scale, f"place of break {i}"),
            CoefficientSpec(f"f_{i}", "e-folds", f"width of break {i}; towards 0 a kink"),
        ]
    return tuple(specs)


def broken_priors(exponent: float, *, breaks: int) -> dict[str, PriorSpec]:
    """Priors of the reference coordinates: every segment's exponent near `exponent`, breaks anywhere near the data."""
    priors: dict[str, PriorSpec] = {
        "level": Normal(loc=0.0, scale=0.3),
        "floor_share": LogitNormal(loc=0.0, scale=1.2),
        "exponent_0": LogNormal(median=exponent, scale=0.8),
    }
    for i in range(1, breaks + 1):
        first = i == 1
        priors[f"exponent_{i}"] = LogNormal(median=exponent, scale=0.6)
        priors[f"break_{i}"] = Normal(loc=0.0, scale=1.5) if first else LogNormal(median=1.5, scale=0.6)
        priors[f"width_share_{i}"] = LogitNormal(loc=0.0, scale=1.0)
    return priors


class AbstractSegmentedLaw(AbstractOneVariableLaw):
    r"""$L = L_\infty + b x^{-c_0} \prod_i (1 + (x / d_i)^{1 / f_i})^{-c_i f_i}$, $d_1 < d_2 < \dots$

    No break is a power law with a floor.
    $\ln (L - L_\infty) = \ln b - c_0 \ln x - \sum_i c_i f_i \ln (1 + e^{(\ln x - \ln d_i) / f_i})$. Segment $k$ falls
    with the exponent $c_0 + \dots + c_k$; the reference coordinates keep every one of them above zero, so that the loss
    falls throughout (the form itself allows rises; no forecast here does).
    """

    breaks: ClassVar[int]

    l_inf: Any
    b: Any
    c_0: Any

    @final
    def limit(self, **covariates: Any) -> Any:
        """$L_\\infty$."""
        return self.l_inf

    @final
    def log_loss(self, n: Any = None, d: Any = None, **covariates: Any) -> Any:
        r"""$\ln (L_\infty + e^{\ln b - c_0 \ln x - \dots})$."""
        x = self.variable_of(n, d)
        xp = array_namespace(self.l_inf, x)
        return xp.logaddexp(xp.log(self.l_inf), self._log_reducible(xp.log(xp.asarray(x))))

    def _log_reducible(self, log_x: Any) -> Any:
        xp = array_namespace(self.l_inf, log_x)
        log_x = xp.minimum(log_x, _FARTHEST)
        total = xp.log(self.b) - self.c_0 * log_x
        for i in range(1, self.breaks + 1):
            change, place, width = (getattr(self, f"{letter}_{i}") for letter in ("c", "d", "f"))
            total = total - change * _softplus(log_x - xp.log(place), width)
        return total

    @final
    def variable_at(self, loss: Any) -> Any:
        """By bisection between 1 and 1e30 (the sum of segments has no closed inverse)."""
        xp = array_namespace(self.l_inf, loss)
        reducible = xp.asarray(loss) - self.l_inf
        log_reducible = xp.log(xp.where(reducible > 0, reducible, 1.0))  # twice guarded
        x = self.smallest_count(lambda x: self._log_reducible(xp.log(xp.asarray(x))), log_reducible)
        return xp.where(reducible > 0, x, xp.inf)

    @final
    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        r"""From `level` = ln(loss at the reference / reference loss) and `floor_share` = $L_\infty$ / that loss.

        `exponent_k` is that of segment k; `break_1` the place of the first break in e-folds from the reference point,
        `break_2` the e-folds from there to the second; `width_share_i` where ln f lies between its bounds.
        """
        xp = array_namespace(*coordinates.values())
        loss = reference.loss * xp.exp(coordinates["level"])
        floor, first = coordinates["floor_share"], coordinates["exponent_0"]
        log_x = xp.log(xp.asarray(cls.variable_of(reference.n, reference.d)))
        fields: dict[str, Any] = {"l_inf": floor * loss, "c_0": first}
        log_b, place, before = xp.log((1.0 - floor) * loss) + first * log_x, log_x, first
        for i in range(1, cls.breaks + 1):
            place = place + coordinates[f"break_{i}"]
            width = xp.exp(_WIDTHS[0] + (_WIDTHS[1] - _WIDTHS[0]) * coordinates[f"width_share_{i}"])
            change, before = coordinates[f"exponent_{i}"] - before, coordinates[f"exponent_{i}"]
            log_b = log_b + change * _softplus(log_x - place, width)
            fields |= {f"c_{i}": change, f"d_{i}": xp.exp(place), f"f_{i}": width}
        return cls(**fields | {"b": xp.exp(log_b)})

    @final
    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """`level`, `floor_share` and, of each segment and break, exponent, place and width."""
        fields = field_values(self)
        loss = self.loss(reference.n, reference.d)
        xp = array_namespace(loss)
        coordinates = {
            "level": xp.log(loss / reference.loss),
            "floor_share": self.l_inf / loss,
            "exponent_0": self.c_0,
        }
        before, exponent = xp.log(xp.asarray(self.variable_of(reference.n, reference.d))), self.c_0
        for i in range(1, self.breaks + 1):
            place, exponent = xp.log(fields[f"d_{i}"]), exponent + fields[f"c_{i}"]
            share = (xp.log(fields[f"f_{i}"]) - _WIDTHS[0]) / (_WIDTHS[1] - _WIDTHS[0])
            coordinates |= {f"exponent_{i}": exponent, f"break_{i}": place - before, f"width_share_{i}": share}
            before = place
        return coordinates


def _softplus(distance: Any, width: Any) -> Any:
    r"""$f \ln (1 + e^{\delta / f})$: 0 well before the break, $\delta$ well beyond it."""
    xp = array_namespace(distance, width)
    scaled = distance / width
    return width * xp.logaddexp(0.0 * scaled, scaled)
