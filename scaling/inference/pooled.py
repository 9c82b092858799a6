"""The posteriors of a loss law for several families of runs, each lending its exponents to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.errors import InvalidInput, NotEnoughRuns, UnitMismatch, Violation
from scaling.inference._numerics import bucket_size, float64
from scaling.inference.diagnostics import require_convergence
from scaling.inference.findings import floor_findings
from scaling.inference.hmc import Whitening, sample_hmc
from scaling.inference.loss import with_form_error
from scaling.inference.loss_program import (
    find_counted_mode,
    law_draws,
    loss_data,
    loss_potential,
    loss_starts,
    lowest_mode,
    require_enough,
)
from scaling.inference.nuts import Mode, WhitenedSample
from scaling.inference.outliers import outlier_findings, outlier_probability
from scaling.inference.pooled_program import PooledDraws, pooled_data, pooled_draws, pooled_potential, pooled_starts
from scaling.inference.progress import Progress, silent
from scaling.inference.rolling import Origin, backtest_of, rolling_origins
from scaling.inference.run_correlation import RunCorrelation
from scaling.inference.sampling import diagnose_sample, sample_until_converged
from scaling.inference.settings import FitSettings
from scaling.laws import AbstractLaw
from scaling.models.loss import LossData
from scaling.models.pooled import own_coordinates, pooled_coordinates
from scaling.observations import LossObservations, noticed
from scaling.posterior import Backtest, Finding, FindingCode, LossPosterior, SampleDiagnostics


@final
@dataclass(frozen=True)
class FamilyFit:
    """One family's posterior out of a pooled fit.

    - `posterior`: as a fit of the family alone would have it, but for what it borrows.
    - `sample`: its part of the joint sample, in the coordinates of a fit alone; `diagnostics`: of that part.
    - `borrowed`: of each pooled coordinate, the share of what is known of it (its precision) that is not there in a fit
      of the family alone, 0 to 1.
    - `backtest`: forecasts of the family's larger runs from its own smaller ones, nothing borrowed.
    - `outlier_probability` [row]: as in a fit of the family alone.
    """

    posterior: LossPosterior
    sample: WhitenedSample
    diagnostics: SampleDiagnostics
    borrowed: Mapping[str, float]
    findings: tuple[Finding, ...]
    backtest: Backtest | None
    outlier_probability: Float[Array, "row"]


@final
@dataclass(frozen=True)
class PooledFit:
    r"""Several families fitted together.

    - `families`: by name. `diagnostics`: of the joint sample.
    - `mean` [draw], `between` [draw]: common mean $\mu$ of each pooled coordinate and scale $\tau$ between families, on
      the coordinate's real line: of the logarithm where it is positive, so that .1 is about 10 %.
    """

    families: Mapping[str, FamilyFit]
    mean: Mapping[str, Float[Array, "draw"]]
    between: Mapping[str, Float[Array, "draw"]]
    diagnostics: SampleDiagnostics


class _Alone(NamedTuple):
    """A family by itself: its rows as counted, its mode, the correlation within its runs."""

    data: LossData
    mode: Mode
    correlation: RunCorrelation | None


def fit_pooled(
    families: Mapping[str, LossObservations],
    law_class: type[AbstractLaw],
    *,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> PooledFit:
    """Sample the posteriors of `law_class` for all `families` together, gated on convergence (see `pooled_model`).

    Level, floor and shares stay each family's own: losses of different tokenizers and validation sets are not
    comparable. The form's error and the effects of runs are each family's own too, learnt as in `fit_loss`.

    Raises `InvalidInput` for fewer than two families or a law that has nothing to pool, `UnitMismatch` where families
    count sizes differently, `NotEnoughRuns` where a family cannot place even its own coordinates or none determines the
    law, `FitFailed` where the last sample misses the gate.
    """
    _require_families(families, law_class)
    needed = {
        name: replace(runs, covariates=law_class.needed_covariates(runs.covariates)) for name, runs in families.items()
    }
    rng = np.random.default_rng([settings.seed, 5])
    rows = max(bucket_size(len(runs)) for runs in needed.values())
    with float64():
        alone = [_alone(runs, law_class, rows=rows, rng=rng) for runs in needed.values()]
        data = pooled_data(law_class, [each.data for each in alone], [each.mode for each in alone])
        potential = pooled_potential(law_class)
        mode = lowest_mode(potential, data, pooled_starts(law_class, families=len(alone)))
        sample, diagnostics = sample_until_converged(potential, data, mode, settings=settings, progress=progress)
        by_itself = _variances_alone(law_class, data.losses, alone, settings=settings)
    flat = sample.draws.reshape(-1, sample.draws.shape[-1])
    draws = pooled_draws(law_class, data, flat)
    pooled = pooled_coordinates(law_class)
    between = dict(zip(pooled, draws.spread.T, strict=True))
    fits = {}
    for index, (name, runs) in enumerate(needed.items()):
        part = _part(sample, draws, index)
        borrowed = _borrowed(law_class, draws.positions[:, index], by_itself[index])
        note = _pooling_finding(name, tuple(families), borrowed, between)
        fits[name] = _family_fit(
            runs, alone[index], part, law_class, borrowed=borrowed, note=note, settings=settings, progress=progress
        )
    return PooledFit(fits, dict(zip(pooled, draws.mean.T, strict=True)), between, diagnostics)


def _alone(runs: LossObservations, law_class: type[AbstractLaw], *, rows: int, rng: np.random.Generator) -> _Alone:
    data = loss_data(runs, rows=rows)
    mode, data, correlation = find_counted_mode(law_class, data, runs, loss_starts(law_class, data), rng=rng)
    return _Alone(data, mode, correlation)


def _variances_alone(
    law_class: type[AbstractLaw], losses: LossData, alone: list[_Alone], *, settings: FitSettings
) -> Float[Array, "family coordinate"]:
    """Variances of each family's coordinates in a fit of it alone, all families in lockstep."""
    whitening = Whitening(
        np.stack([each.mode.position for each in alone]), np.stack([each.mode.scale for each in alone])
    )
    samples = sample_hmc(loss_potential(law_class), losses, whitening, settings=settings, progress=silent)
    return np.stack([np.var(each.draws, axis=(0, 1)) for each in samples])


def _part(sample: WhitenedSample, draws: PooledDraws, index: int) -> WhitenedSample:
    """One family's part of the joint sample, with the joint sampler's record."""
    return replace(sample, draws=draws.positions[:, index].reshape(*sample.draws.shape[:2], -1))


def _borrowed(
    law_class: type[AbstractLaw], positions: Float[Array, "draw coordinate"], alone: Float[Array, "coordinate"]
) -> dict[str, float]:
    names = list(law_class.priors)
    share = 1.0 - np.var(positions, axis=0) / alone
    return {name: float(np.clip(share[names.index(name)], 0.0, 1.0)) for name in pooled_coordinates(law_class)}


def _family_fit(
    runs: LossObservations,
    alone: _Alone,
    sample: WhitenedSample,
    law_class: type[AbstractLaw],
    *,
    borrowed: Mapping[str, float],
    note: Finding,
    settings: FitSettings,
    progress: Progress,
) -> FamilyFit:
    diagnostics = diagnose_sample(sample)
    require_convergence(diagnostics, settings)
    # The streams of a fit of the family alone.
    rng = np.random.default_rng([settings.seed, 1])
    draws = law_draws(law_class, alone.data, sample.draws.reshape(-1, sample.draws.shape[-1]))
    if alone.correlation is not None:
        draws = alone.correlation.split(draws, rng=rng)
    origins: tuple[Origin, ...] = ()
    if settings.discrepancy_scale:
        origins = rolling_origins(runs, law_class, settings=settings, progress=progress)
    posterior = with_form_error(draws, runs, origins, settings=settings, rng=rng)
    probability = outlier_probability(posterior, runs)
    findings = [
        note,
        *(Finding.of_warning(warning) for warning in noticed(runs)),
        *outlier_findings(posterior, runs, probability),
        *floor_findings(sample, law_class, ()),
    ]
    backtest = backtest_of(origins, settings=settings)
    return FamilyFit(posterior, sample, diagnostics, borrowed, tuple(findings), backtest, probability)


def _pooling_finding(
    family: str,
    names: tuple[str, ...],
    borrowed: Mapping[str, float],
    between: Mapping[str, Float[Array, "draw"]],
) -> Finding:
    others = ", ".join(repr(name) for name in names if name != family)
    parts = [
        f"{share:.0%} of what is known of its {name} (scale between families {np.median(between[name]):.2g})"
        for name, share in borrowed.items()
    ]
    return Finding(
        code=FindingCode.POOLED,
        message=f"Fitted together with {others}: {', '.join(parts)} comes from the others and their common mean, not "
        "from its own runs. Its level and floor are its own. Its back-test is of its own runs alone.",
    )


def _require_families(families: Mapping[str, LossObservations], law_class: type[AbstractLaw]) -> None:
    if len(families) < 2:
        given = ", ".join(repr(name) for name in families) or "none"
        raise InvalidInput(f"Pooling needs at least two families of runs; {given} given. Fit one with `fit_loss`.")
    if not pooled_coordinates(law_class):
        raise InvalidInput(f"The law {law_class.name!r} has no exponents that families could share. Fit each alone.")
    conventions = {name: runs.size_convention.value for name, runs in families.items()}
    if len(set(conventions.values())) > 1:
        raise UnitMismatch(
            "Families that count sizes differently have no common exponents: the ratio of two counts changes with "
            "size. Bring every family to one size convention.",
            [Violation(name, f"sizes are {convention!r}") for name, convention in conventions.items()],
        )
    for runs in families.values():
        law_class.checked_covariates(runs.covariates)
    _require_enough_in_each(families, law_class)


def _require_enough_in_each(families: Mapping[str, LossObservations], law_class: type[AbstractLaw]) -> None:
    """A family must place its own coordinates; at least one must determine the law by itself."""
    own = len(own_coordinates(law_class))
    for name, runs in families.items():
        alike = [
            what
            for variable, values, what in (("n", runs.size, "size"), ("d", runs.tokens, "token count"))
            if variable in law_class.variables and len(np.unique(values)) < 2
        ]
        if len(runs) <= own or alike:
            problem = f"one {alike[0]}" if alike else f"{len(runs)} rows"
            raise NotEnoughRuns(
                f"The family {name!r} has {problem}, but even with exponents borrowed from other families "
                f"{law_class.name!r} has {own} coefficients of its own and a noise scale: it needs more than {own} "
                "rows, at two or more sizes and token counts. Add runs, or leave the family out."
            )
    refusals = []
    for name, runs in families.items():
        try:
            require_enough(runs, law_class)
        except NotEnoughRuns as refusal:
            refusals.append(f"{name!r}: {refusal}")
    if len(refusals) == len(families):
        raise NotEnoughRuns("No family determines the law, so that none can lend:\n" + "\n".join(refusals))
