"""What an answer rests on: single runs, and the priors."""

from __future__ import annotations

from enum import StrEnum
from typing import final

from pydantic import BaseModel, ConfigDict

from scaling.units import format_flops


@final
class AnswerName(StrEnum):
    """Answers whose footing is looked into."""

    OPTIMAL_SIZE = "optimal_size"
    FLOOR = "floor"
    LOSS = "loss"


@final
class Answer(BaseModel):
    """One answer of a fit: N*(C), the loss at C, or the floor, whose `compute_flops` is absent.

    The loss is that of the optimal split of `compute_flops`; for a law without one, of the largest run scaled up.
    """

    model_config = ConfigDict(frozen=True)

    name: AnswerName
    compute_flops: float | None = None

    def __str__(self) -> str:
        if self.compute_flops is None:
            return "the floor E"
        symbol = "N*" if self.name is AnswerName.OPTIMAL_SIZE else "L"
        return f"{symbol}({format_flops(self.compute_flops)})"


@final
class AnswerShift(BaseModel):
    """How one answer moves without a run.

    - `factor`: the answer without the run over the answer with it.
    - `deviations`: its logarithm over the posterior's standard deviation of the answer's logarithm.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    answer: Answer
    factor: float
    deviations: float


@final
class RunLeverage(BaseModel):
    """How the answers move when one run is left out.

    - `rows`: how many rows the run has.
    - `refitted`: whether the law was fitted again without the run; otherwise the posterior's draws were reweighted.
    - `reliable`: False where neither the reweighting passed its check nor a refit converged: a rough figure.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    rows: int
    shifts: tuple[AnswerShift, ...]
    refitted: bool
    reliable: bool

    @property
    def largest(self) -> AnswerShift:
        """The shift that is largest in the posterior's own standard deviations."""
        return max(self.shifts, key=lambda shift: abs(shift.deviations))


@final
class WidenedPrior(StrEnum):
    """Priors whose standard deviations are doubled."""

    FLOOR = "floor"
    EXPONENTS = "exponents"


@final
class PriorShift(BaseModel):
    """How one answer moves when priors are made twice as wide.

    - `low`, `median`, `high`: of the fit, 90 %; `wider_low`, `wider_median`, `wider_high`: under the wider priors.
    - `held`: probability under the wider priors that the answer lies between `low` and `high`; .9 where nothing moves.
    - `resampled`: whether the wider posterior was sampled afresh; otherwise the draws were reweighted.
    - `reliable`: False where the wider posterior could not be sampled either: the runs leave it almost unbounded.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    prior: WidenedPrior
    answer: Answer
    low: float
    median: float
    high: float
    wider_low: float
    wider_median: float
    wider_high: float
    held: float
    resampled: bool
    reliable: bool

    @property
    def factor(self) -> float:
        """Median under the wider priors over the fit's."""
        return self.wider_median / self.median
