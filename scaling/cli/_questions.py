"""What the demo asks a server, beside what was measured since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from scaling.cli._output import count_interval, number_interval
from scaling.units import format_flops

if TYPE_CHECKING:
    from scaling.cli._ladder import HeldOutLadder
    from scaling.client import Client

PROBABILITY = 0.8


@final
@dataclass(frozen=True)
class LossAnswer:
    """Forecast of the largest rung's loss (90 % interval of one new run) beside what its runs showed."""

    size: float
    tokens: float
    forecast: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def errors_percent(self) -> tuple[float, ...]:
        """How far the median lies from each measurement."""
        return tuple(100.0 * (self.forecast[1] / value - 1.0) for value in self.measured)

    @property
    def inside(self) -> tuple[bool, ...]:
        """Whether each measurement lies inside the interval."""
        return tuple(self.forecast[0] <= value <= self.forecast[2] for value in self.measured)


@final
@dataclass(frozen=True)
class SkillAnswer:
    """What the server says about a skill, beside what the largest rung showed.

    - `onset`, `size`: 5 %, 50 % and 95 % quantiles at the onset; empty where none is located.
    - `flops`: least compute with which it emerges with probability .8; None where no budget can be named.
    - `forecast`: score of one new run of the largest rung; `measured`: of its runs.
    """

    task: str
    verdict: str
    statement: str
    reliable: bool
    onset: tuple[float, ...]
    size: tuple[float, ...]
    flops: float | None
    plan: str
    emerged_probability: float
    unknown_probability: float
    forecast: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def inside(self) -> tuple[bool, ...]:
        """Whether each measurement lies inside the interval."""
        return tuple(self.forecast[0] <= value <= self.forecast[2] for value in self.measured)

    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        low, high = min(self.measured), max(self.measured)
        return (
            self.task,
            self.verdict.replace("_", " ") + ("" if self.reliable else " (unreliable)"),
            number_interval(self.onset) if self.onset else "-",
            count_interval(self.size) if self.size else "-",
            "-" if self.flops is None else format_flops(self.flops),
            number_interval(self.forecast, digits=2),
            f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} - {high:.2f}",
            f"{sum(self.inside)} of {len(self.inside)}",
        )


def ask_about_loss(client: Client, fit: str, ladder: HeldOutLadder) -> LossAnswer:
    """The loss that the largest rung will show."""
    (forecast,) = client.predict_loss(fit, [(ladder.size, ladder.tokens)]).forecasts
    measured = tuple(ladder.largest_losses.loss.tolist())
    return LossAnswer(ladder.size, ladder.tokens, tuple(forecast.run_loss_nats_per_token), measured)


def ask_about_skill(client: Client, fit: str, task: str, ladder: HeldOutLadder) -> SkillAnswer:
    """When the skill emerges, what that takes, and what the largest rung will score."""
    emergence = client.predict_emergence(fit, task, tokens=ladder.tokens)
    (score,) = client.predict_score(fit, task, [(ladder.size, ladder.tokens)]).forecasts
    plan = client.plan_compute(fit, task=task, probability=PROBABILITY)
    return SkillAnswer(
        task=task,
        verdict=emergence.verdict,
        statement=emergence.statement,
        reliable=emergence.reliable,
        onset=tuple(emergence.onset_loss_nats_per_token),
        size=tuple(emergence.at_onset.parameter_count),
        flops=plan.run.compute_flops if plan.HasField("run") else None,
        plan=plan.statement,
        emerged_probability=score.emerged_probability,
        unknown_probability=score.unknown_probability,
        forecast=tuple(score.run_score),
        measured=tuple(ladder.largest_scores.for_task(task).score.tolist()),
    )
