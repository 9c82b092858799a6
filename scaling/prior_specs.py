"""Priors as data: what a law's file states, a fit's document stores and the service sends.

`scaling.priors` turns a specification into a distribution.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat


class _Spec(BaseModel, ABC):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @abstractmethod
    def middle(self) -> float:
        """Median of the distribution."""


class Normal(_Spec):
    """Normal with mean `loc` and standard deviation `scale`."""

    kind: Literal["normal"] = "normal"
    loc: float
    scale: PositiveFloat

    def middle(self) -> float:
        """Median of the distribution."""
        return self.loc


class LogNormal(_Spec):
    """The logarithm is normal: `median` is its median, `scale` the standard deviation of the logarithm."""

    kind: Literal["log_normal"] = "log_normal"
    median: PositiveFloat
    scale: PositiveFloat

    def middle(self) -> float:
        """Median of the distribution."""
        return self.median


class LogitNormal(_Spec):
    """A share in (0, 1) whose logit is normal with mean `loc` and standard deviation `scale`."""

    kind: Literal["logit_normal"] = "logit_normal"
    loc: float
    scale: PositiveFloat

    def middle(self) -> float:
        """Median of the distribution."""
        return 1.0 / (1.0 + math.exp(-self.loc))


class Uniform(_Spec):
    """Uniform between `low` and `high`."""

    kind: Literal["uniform"] = "uniform"
    low: float
    high: float

    def middle(self) -> float:
        """Median of the distribution."""
        return 0.5 * (self.low + self.high)


class Exponential(_Spec):
    """Exponential with mean `mean`."""

    kind: Literal["exponential"] = "exponential"
    mean: PositiveFloat

    def middle(self) -> float:
        """Median of the distribution."""
        return self.mean * math.log(2.0)


class HalfNormal(_Spec):
    """The absolute value of a normal with mean 0 and standard deviation `scale`."""

    kind: Literal["half_normal"] = "half_normal"
    scale: PositiveFloat

    def middle(self) -> float:
        """Median of the distribution."""
        return 0.6744897501960817 * self.scale


PriorSpec = Annotated[
    Normal | LogNormal | LogitNormal | Uniform | Exponential | HalfNormal, Field(discriminator="kind")
]
