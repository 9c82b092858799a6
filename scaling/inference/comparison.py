"""Laws compared, and averaged, by how each forecast the larger runs from the smaller ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.errors import FitFailed, InvalidInput, NotEnoughRuns
from scaling.inference.averaging import LawMixture, average
from scaling.inference.loss import LossFit, fit_loss
from scaling.inference.progress import Progress, silent
from scaling.inference.rolling import Origin, origin_score
from scaling.inference.settings import FitSettings
from scaling.laws import law_class
from scaling.observations import LossObservations
from scaling.posterior import BacktestSummary

_DRAWS = 4000


@final
@dataclass(frozen=True)
class ComparedLaw:
    """One law's part in a comparison.

    - `summary`: its back-test over all cuts; absent where there were too few runs for one.
    - `scores` [cut]: mean log density of ln loss beyond each cut; -inf where the law could not be fitted below it.
    """

    name: str
    fit: LossFit
    summary: BacktestSummary | None
    scores: Float[Array, "cut"]


@final
@dataclass(frozen=True)
class LawComparison:
    """Laws by their forecasts of larger runs, and their mixture.

    - `laws`: best mean score first. `failed`: why a law that was asked for is not among them.
    - `mixture`: the laws weighted by stacking (see `average`).
    - `cuts` [cut]: largest size times tokens among the runs that each cut's fit had seen.
    """

    laws: tuple[ComparedLaw, ...]
    failed: dict[str, str]
    mixture: LawMixture[LossFit]
    cuts: Float[Array, "cut"]

    def predictive(
        self, n: Float[Array, "point"], d: Float[Array, "point"], *, rng: np.random.Generator, **covariates: Array
    ) -> Float[Array, "draw point"]:
        """Draws of what one new run would show, each law giving as many as it weighs."""
        chosen = self.mixture.choose(_DRAWS, available=self.laws[0].fit.posterior.draw_count, rng=rng)
        parts = [
            fit.posterior.take(chosen[name]).predictive(n, d, rng=rng, **covariates)
            for name, fit in self.mixture.fits.items()
            if len(chosen[name])
        ]
        return np.concatenate(parts)


def compare_laws(
    runs: LossObservations,
    laws: Sequence[str],
    *,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> LawComparison:
    """Fit each of `laws` and score it at the same rolling origins.

    A law that cannot be fitted is named in `failed`. Raises `InvalidInput` for fewer than two laws, `NotEnoughRuns`
    where none can be fitted, `NotFound` for an unknown one.
    """
    names = tuple(dict.fromkeys(laws))
    if len(names) < 2:
        raise InvalidInput(f"{len(names)} law given; a comparison needs at least two different ones.")
    chosen = {name: law_class(name) for name in names}
    fits: dict[str, LossFit] = {}
    failed = {}
    for name, law in chosen.items():
        try:
            fits[name] = fit_loss(runs, law, settings=settings, progress=progress)
        except (FitFailed, NotEnoughRuns, InvalidInput) as fault:
            failed[name] = str(fault)
    if not fits:
        raise NotEnoughRuns("None of the laws can be fitted. " + " ".join(f"{k}: {v}" for k, v in failed.items()))
    cuts = np.unique([_cut(origin) for fit in fits.values() for origin in fit.origins])
    scores = {name: _scores(fit, cuts, settings=settings) for name, fit in fits.items()}
    compared = []
    for name, fit in fits.items():
        backtest = fit.backtest
        summary = None if backtest is None else backtest.summary()
        compared.append(ComparedLaw(name, fit, summary, scores[name]))
    compared.sort(key=lambda law: -float(np.mean(law.scores)) if len(cuts) else 0.0)
    return LawComparison(tuple(compared), failed, average(fits, scores), cuts)


def _cut(origin: Origin) -> float:
    return float(np.max(origin.seen.size * origin.seen.tokens))


def _scores(fit: LossFit, cuts: Float[Array, "cut"], *, settings: FitSettings) -> Float[Array, "cut"]:
    scores = np.full(len(cuts), -np.inf)
    for index, origin in enumerate(fit.origins):
        place = int(np.searchsorted(cuts, _cut(origin)))
        scores[place] = origin_score(origin, fit.origins[:index], settings=settings)
    return scores
