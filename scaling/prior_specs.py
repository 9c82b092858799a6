"""Priors as data: what a law's file states, a fit's document stores and the service sends.

`scaling.priors` turns a specification into a distribution.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Normal(_Spec):
    """Normal with mean `loc` and standard deviation `scale`."""

    kind: Literal["normal"] = "normal"
    loc: float
    scale: PositiveFloat


class LogNormal(_Spec):
    """The logarithm is normal: `median` is its median, `scale` the standard deviation of the logarithm."""

    kind: Literal["log_normal"] = "log_normal"
    median: PositiveFloat
    scale: PositiveFloat


class LogitNormal(_Spec):
    """A share in (0, 1) whose logit is normal with mean `loc` and standard deviation `scale`."""

    kind: Literal["logit_normal"] = "logit_normal"
    loc: float
    scale: PositiveFloat


class Uniform(_Spec):
    """Uniform between `low` and `high`."""

    kind: Literal["uniform"] = "uniform"
    low: float
    high: float


class Exponential(_Spec):
    """Exponential with mean `mean`."""

    kind: Literal["exponential"] = "exponential"
    mean: PositiveFloat


PriorSpec = Annotated[Normal | LogNormal | LogitNormal | Uniform | Exponential, Field(discriminator="kind")]
