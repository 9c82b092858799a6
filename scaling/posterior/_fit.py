"""A fit: everything a query needs and everything that says where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from scaling._pytree import Array
from scaling.errors import NotFound, Unanswerable
from scaling.posterior._backtest import BacktestSummary
from scaling.posterior._evidence import PriorShift, RunLeverage
from scaling.posterior._loss import LossPosterior
from scaling.posterior._score import ScorePosterior

if TYPE_CHECKING:
    from scaling.observations import DataWarning

QUERY_DRAWS = 1000


@final
class FindingCode(StrEnum):
    """Kinds of things a user must know about a fit before believing it."""

    OUTLIER_ROWS = "outlier_rows"
    FLOOR_NOT_IDENTIFIED = "floor_not_identified"
    POINT_ESTIMATE_FAILED = "point_estimate_failed"
    FEW_RUNS = "few_runs"
    POOLED = "pooled"
    DATA_QUALITY = "data_quality"
    SCORE_NOT_FITTED = "score_not_fitted"
    ANNEALING_NOT_IDENTIFIED = "annealing_not_identified"
    INFLUENTIAL_RUN = "influential_run"
    PRIOR_SENSITIVE = "prior_sensitive"


@final
class Finding(BaseModel):
    """One thing found about the data or the fit, with what to do about it.

    `reason` is a stable name for programs: what was noticed about the data (a `DataReason`), else the code's value.
    """

    model_config = ConfigDict(frozen=True)

    code: FindingCode
    message: str
    reason: str = ""

    @model_validator(mode="before")
    @classmethod
    def _with_reason(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("reason"):
            return {**given, "reason": str(given.get("code", ""))}
        return given

    @classmethod
    def of_warning(cls, warning: DataWarning) -> Self:
        """What was noticed about the data."""
        return cls(code=FindingCode.DATA_QUALITY, message=str(warning), reason=warning.reason.value)


@final
class SampleDiagnostics(BaseModel):
    """Convergence of one sample, the worst over its coordinates.

    - `max_r_hat`: rank-normalised split R-hat (Vehtari et al. 2021, eq. 14).
    - `min_bulk_ess`, `min_tail_ess`: effective sample sizes (the same, section 4).
    - `divergences`: of kept draws; `min_energy`: lowest BFMI of the chains (Betancourt 2016).
    """

    model_config = ConfigDict(frozen=True)

    max_r_hat: float
    min_bulk_ess: float
    min_tail_ess: float
    divergences: int
    min_energy: float


@final
@dataclass(frozen=True)
class Fit:
    """A fitted law and, per task, a fitted link; immutable.

    - `name`, `version`: of the document; a refit on more data is a new version.
    - `loss`: posterior of the law; `scores`: by task key.
    - `point`: coefficients of the point estimate; absent where it failed (a finding says why).
    - `diagnostics`: of the law's sample; absent for published fits, which are one draw without noise.
    - `sample_stats`: the law's sampler's own record, arrays [chain, draw] by ArviZ's names.
    - `observed`: the rows the law was fitted to (`run`, `size`, `tokens`, `loss`), for figures and checks, and the
      `outlier_probability` of each.
    - `backtest`: forecasts of the larger runs from the smaller ones, scored by extrapolation factor; empty where there
      were too few runs.
    - `leverage`: how the answers move without one run, the runs that move them most first.
    - `prior_sensitivity`: how the answers move under wider priors.
    - `data_digest`: SHA-256 of the observations; empty for published fits.
    - `provenance`: versions, seed, settings, seconds, sources; JSON values only.
    """

    name: str
    loss: LossPosterior
    scores: Mapping[str, ScorePosterior] = field(default_factory=dict)
    version: int = 1
    point: Mapping[str, float] | None = None
    diagnostics: SampleDiagnostics | None = None
    findings: tuple[Finding, ...] = ()
    backtest: tuple[BacktestSummary, ...] = ()
    leverage: tuple[RunLeverage, ...] = ()
    prior_sensitivity: tuple[PriorShift, ...] = ()
    sample_stats: Mapping[str, Array] = field(default_factory=dict)
    observed: Mapping[str, Array] = field(default_factory=dict)
    data_digest: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def score(self, task: str) -> ScorePosterior:
        """The posterior of `task`; raises `NotFound` with the tasks there are."""
        if task not in self.scores:
            there = ", ".join(sorted(self.scores)) or "none (it was fitted without scores)"
            raise NotFound(f"The fit {self.name!r} has no task {task!r}. Its tasks: {there}.")
        return self.scores[task]

    @property
    def is_published(self) -> bool:
        """Whether this is a published point estimate: one draw, so that no interval can be given."""
        return self.loss.draw_count == 1

    def require_intervals(self) -> None:
        """Raise `Unanswerable` for a published point estimate."""
        if self.is_published:
            raise Unanswerable(
                f"The fit {self.name!r} is a published point estimate without a posterior: it has no intervals and no "
                "probabilities. Fit the runs themselves to get them."
            )

    def given(self, **covariates: float) -> Self:
        """The same fit with the law's covariates fixed: emergence, plans and figures speak of size and tokens alone.

        Raises `InvalidInput` where the law needs others, or one is out of range.
        """
        return replace(self, loss=self.loss.given(**covariates))

    def for_queries(self) -> Self:
        """The same fit with at most 1,000 draws of the law, evenly thinned, so that a query takes milliseconds."""
        count = self.loss.draw_count
        if count <= QUERY_DRAWS:
            return self
        kept = np.linspace(0, count - 1, QUERY_DRAWS).round().astype(int)
        return replace(self, loss=self.loss.take(kept))
