"""The posterior of a task's link: draws over the shapes that its score could have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.errors import CorruptStore
from scaling.links import AbstractLink, link_class

# A claim of emergence needs this probability; so does the claim that a score falls.
CLAIM_PROBABILITY = 0.95
# Fewer effective draws than this are too few for an interval.
MIN_EFFECTIVE_DRAWS = 50.0
_FEWEST_WITNESSES = 3
RISING_SHAPES = ("threshold", "smooth", "dip_then_rise")


@final
class OnsetPlace(StrEnum):
    """Where a task's onset lies; the probabilities of the three sum to 1."""

    BEFORE = "before"  # above the highest loss seen: already rising where the data begin
    INSIDE = "inside"
    NOT_REACHED = "not_reached"


@final
class Verdict(StrEnum):
    """The one answer about a task."""

    EMERGED = "emerged"  # an onset inside the data
    ALREADY_RISING = "already_rising"  # above its floor where the data begin
    NOT_IDENTIFIED = "not_identified_yet"  # no onset at any loss seen
    FALLS = "falls"  # worse with a lower loss
    UNDECIDED = "undecided"  # a rise is likely, but not enough for a claim


@final
@dataclass(frozen=True)
class ShapeDraws:
    """The draws that have one shape.

    - `shape`: its name; `link`: its link, one draw an entry.
    - `draws`: which of the posterior's draws these are.
    """

    shape: str
    link: AbstractLink
    draws: Int[Array, "kept"]


@final
@dataclass(frozen=True, eq=False)
class ScorePosterior:
    r"""Equal-weight draws of a task's link, over shapes; evaluated under NumPy.

    - `task`, `metric`: what was scored.
    - `chance`: nominal score of guessing; `item_count`: test items behind a score (median).
    - `lowest_loss`, `highest_loss`: of the checkpoints, nats per token; `run_count`: their runs.
    - `components`: the draws by shape.
    - `onset` [draw]: loss at which the score exceeds its floor by `onset_points`, `-inf` where no loss seen does.
    - `eta` [draw]: threshold, NaN for shapes that have none.
    - `loss_shift_scale` [draw]: standard deviation between runs of the loss at which they do the same, nats.
    - `logit_scale` [draw]: standard deviation of one checkpoint's score about its run's curve and of that curve about
      the typical one, on the logit; the items' own error comes on top.
    - `shape_probabilities`: from the evidence of each shape, not from the number of its draws.
    - `p_emerged`: P(rise and score at the lowest loss > chance + `onset_points`), the items' own error included.
    - `log_evidence`: of each shape, nats.
    - `runs_beyond`: runs that went beyond the onset; `runs_silent`: those of them whose last score shows nothing of it.
    - `effective_sample_size`: of the draws of the shapes that matter (the smallest).
    """

    task: str
    metric: str
    chance: float
    item_count: float
    lowest_loss: float
    highest_loss: float
    run_count: int
    components: tuple[ShapeDraws, ...]
    onset: Float[Array, "draw"]
    eta: Float[Array, "draw"]
    loss_shift_scale: Float[Array, "draw"]
    logit_scale: Float[Array, "draw"]
    shape_probabilities: Mapping[str, float]
    p_emerged: float
    log_evidence: Mapping[str, float]
    effective_sample_size: float
    onset_points: float = 0.03
    runs_beyond: int = 0
    runs_silent: int = 0

    @property
    def draw_count(self) -> int:
        """Number of draws."""
        return len(self.onset)

    @property
    def p_rise(self) -> float:
        """P(the score rises as the loss falls), whatever its level."""
        return sum(self.shape_probabilities.get(shape, 0.0) for shape in RISING_SHAPES)

    @property
    def onset_place(self) -> Mapping[OnsetPlace, float]:
        """P(the onset lies before the data, inside, is not reached)."""
        before = float(np.mean(self.onset > self.highest_loss))
        not_reached = float(np.mean(np.isneginf(self.onset)))
        return {
            OnsetPlace.BEFORE: before,
            OnsetPlace.INSIDE: 1.0 - before - not_reached,
            OnsetPlace.NOT_REACHED: not_reached,
        }

    @property
    def is_reliable(self) -> bool:
        """Whether the draws are effectively enough for intervals."""
        return self.effective_sample_size >= MIN_EFFECTIVE_DRAWS

    @property
    def runs_disagree(self) -> bool:
        """Whether half or more of the runs beyond the onset, of at least three, do not show it."""
        return self.runs_beyond >= _FEWEST_WITNESSES and 2 * self.runs_silent >= self.runs_beyond

    @property
    def verdict(self) -> Verdict:
        """Emergence is claimed at P >= .95 only, whatever the shape; below .5 there is nothing to locate.

        Nor is it claimed where half of the runs beyond the onset do not show it: then loss alone does not decide.
        """
        if self.p_emerged >= CLAIM_PROBABILITY and self.runs_disagree:
            return Verdict.UNDECIDED
        if self.p_emerged >= CLAIM_PROBABILITY:
            place = self.onset_place
            started = place[OnsetPlace.BEFORE] > place[OnsetPlace.INSIDE]
            return Verdict.ALREADY_RISING if started else Verdict.EMERGED
        if self.shape_probabilities.get("fall", 0.0) >= CLAIM_PROBABILITY:
            return Verdict.FALLS
        return Verdict.UNDECIDED if self.p_emerged >= 0.5 else Verdict.NOT_IDENTIFIED

    @property
    def not_identified_below(self) -> float | None:
        """The lowest loss seen, below which an onset would lie that is not identified yet; None where one is."""
        return self.lowest_loss if self.verdict is Verdict.NOT_IDENTIFIED else None

    def score_at(self, loss: Float[Array, "*point"]) -> Float[Array, "draw *point"]:
        """Score at `loss` by every draw, between 0 and 1.

        `loss` is [point], the same for all draws, or [draw, point]. Beyond the lowest loss seen each draw goes on
        along its own form.
        """
        loss = np.asarray(loss, dtype=np.float64)
        by_draw = loss.ndim == 2
        result = np.empty((self.draw_count, *loss.shape[-1:]))
        for component in self.components:
            at = loss[component.draws] if by_draw else loss
            link = component.link if loss.ndim == 0 else component.link[:, np.newaxis]
            result[component.draws] = link.score(at)
        return result

    def floor_scores(self) -> Float[Array, "draw"]:
        """The floor of every draw."""
        result = np.empty(self.draw_count)
        for component in self.components:
            result[component.draws] = component.link.floor_score()
        return result

    def new_run_score_at(
        self, loss: Float[Array, "draw point"], *, rng: np.random.Generator
    ) -> Float[Array, "draw point"]:
        """Score [draw, point] that one new run would show: shifted in loss and logit as runs differ, items drawn.

        The shift is one a draw; the logit's scatter and the items' error are drawn anew for each point.
        """
        shift = self.loss_shift_scale * rng.standard_normal(self.draw_count)
        typical = np.clip(self.score_at(loss - shift[:, np.newaxis]), 1e-6, 1.0 - 1e-6)
        noise = self.logit_scale[:, np.newaxis] * rng.standard_normal(typical.shape)
        score = 1.0 / (1.0 + (1.0 / typical - 1.0) * np.exp(-noise))
        return rng.binomial(max(round(self.item_count), 1), score) / max(round(self.item_count), 1)

    def new_run_onset(self, *, rng: np.random.Generator) -> Float[Array, "draw"]:
        """Onset that one new run of the same recipe would show: each draw shifted as runs differ.

        With two runs or fewer the shift's scale is its prior's.
        """
        return self.onset + self.loss_shift_scale * rng.standard_normal(self.draw_count)

    def to_document(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """JSON attributes, and arrays [draw]: `shape` counts the attribute `shapes`; a coefficient that a draw's link
        does not have is NaN.
        """
        attributes = {
            **{name: getattr(self, name) for name in _PLAIN},
            "shapes": [component.shape for component in self.components],
            "links": [component.link.name for component in self.components],
            "shape_probabilities": dict(self.shape_probabilities),
            "log_evidence": dict(self.log_evidence),
        }
        arrays: dict[str, Any] = {name: np.asarray(getattr(self, name)) for name in _PER_DRAW}
        arrays["shape"] = np.zeros(self.draw_count, dtype=np.int64)
        for index, component in enumerate(self.components):
            arrays["shape"][component.draws] = index
            for name, values in component.link.to_coefficients().items():
                column = arrays.setdefault(f"link_{name}", np.full(self.draw_count, np.nan))
                column[component.draws] = values
        return attributes, arrays

    @classmethod
    def from_document(cls, attributes: Mapping[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Inverse of `to_document`; raises `CorruptStore` where something is missing."""
        try:
            components = []
            pairs = zip(attributes["shapes"], attributes["links"], strict=True)
            for index, (shape, name) in enumerate(pairs):
                draws = np.flatnonzero(arrays["shape"] == index)
                chosen = link_class(name)
                link = chosen(**{spec.name: arrays[f"link_{spec.name}"][draws] for spec in chosen.coefficients})
                components.append(ShapeDraws(shape, link, draws))
            plain: dict[str, Any] = {name: attributes[name] for name in _PLAIN}
            per_draw: dict[str, Any] = {name: np.asarray(arrays[name]) for name in _PER_DRAW}
            return cls(
                **plain,
                **per_draw,
                components=tuple(components),
                shape_probabilities=attributes["shape_probabilities"],
                log_evidence=attributes["log_evidence"],
            )
        except KeyError as error:
            raise CorruptStore(f"A score's draws lack {error}. Rebuild the fit.") from error


_PLAIN = (
    "task",
    "metric",
    "chance",
    "item_count",
    "lowest_loss",
    "highest_loss",
    "run_count",
    "p_emerged",
    "effective_sample_size",
    "onset_points",
    "runs_beyond",
    "runs_silent",
)
_PER_DRAW = ("onset", "eta", "loss_shift_scale", "logit_scale")
