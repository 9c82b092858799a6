"""The posterior of one learning curve under one law, in a fraction of a second: importance sampling about the mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.errors import InvalidInput, NotEnoughRuns, Violation
from scaling.inference._numerics import bucket_size, float64
from scaling.inference.diagnostics import diagnose, require_convergence
from scaling.inference.importance import ImportanceSettings, importance_sample
from scaling.inference.nuts import Mode, find_mode, sample_whitened
from scaling.inference.progress import silent
from scaling.inference.settings import FitSettings
from scaling.laws import AbstractLaw, Reference
from scaling.models.curve import CurveData, coordinate_count, curve_potential, curve_state, law_of
from scaling.posterior import CurvePosterior

_SMALLEST_BUCKET = 96  # most published curves have fewer rows: one program serves them all
_CHUNK = 1024
# Descents: from the prior's centre and from the best of many points of the prior, no two of them near each other. With
# three random starts the law with a break was seen to end 12 nats of evidence below its best mode.
_SCREENED, _STARTS, _APART = 4096, 5, 1.0
_SPREAD = 1.3  # the proposal's scale over the Laplace approximation's: floors have longer tails than it
_FIRST_TRY = ImportanceSettings(prior_points=1024, round_points=1024, max_rounds=8, enough=300.0, components=6)
_SECOND_TRY = ImportanceSettings(prior_points=4096, round_points=2048, max_rounds=10, enough=300.0, components=8)
_FALLBACK = FitSettings(draws=1000, min_ess=100.0, max_r_hat=1.03, max_divergences=20)


@final
@dataclass(frozen=True)
class CurveSettings:
    """How a curve's posterior is sampled.

    - `draws`: equal-weight draws kept; `drifts`: whether the level may drift off the law (without it, the plain
      posterior of the law, which leaves out that no law is exact).
    - `importance`, `harder`: effort of the first try and of the second; `enough`: the effective sample size below
      which the next takes over.
    - `fallback`: of NUTS, behind its own gate, where neither was enough.
    """

    seed: int = 0
    draws: int = 500
    drifts: bool = True
    importance: ImportanceSettings = _FIRST_TRY
    enough: float = 100.0
    harder: ImportanceSettings = _SECOND_TRY
    fallback: FitSettings = _FALLBACK


@final
@dataclass(frozen=True)
class CurveFit:
    """A curve's posterior with the evidence for its sample.

    - `effective_size`: of the importance sample, or the smallest bulk ESS where NUTS drew it (`by_nuts`).
    - `log_evidence`: ln of the marginal density of the rows; NaN where NUTS drew.
    """

    posterior: CurvePosterior
    effective_size: float
    by_nuts: bool
    log_evidence: float


class _Programs(NamedTuple):
    potential: Callable[[Any, CurveData], Any]
    batch: Any  # white points, data, mode -> minus the potential plus the standard normal's
    draws: Any  # positions, data -> law coefficients and states


@cache
def _programs(law_class: type[AbstractLaw], drifts: bool) -> _Programs:
    potential = curve_potential(law_class, drifts=drifts)

    @jax.jit
    def chunk(white: Any, data: CurveData, mode: Mode) -> Any:
        values = jax.vmap(lambda w: potential(mode.position + mode.scale @ w, data))(white)
        return 0.5 * jnp.sum(white**2, axis=1) - values

    def batch(white: Any, data: CurveData, mode: Mode) -> Any:
        # Chunks of one length, so that one program is compiled whatever the number of points.
        starts = range(0, len(white), _CHUNK)
        padded = np.pad(white, ((0, -len(white) % _CHUNK), (0, 0)))
        return np.concatenate([chunk(padded[start : start + _CHUNK], data, mode) for start in starts])[: len(white)]

    @jax.jit
    def draws(positions: Any, data: CurveData) -> Any:
        reference = Reference(1.0, data.reference_count, data.reference_loss)
        state = jax.vmap(partial(curve_state, law_class, drifts=drifts), in_axes=(0, None))(positions, data)
        return law_of(law_class, positions, reference).to_coefficients(), state

    return _Programs(potential, batch, draws)


def fit_curve(
    count: Float[Array, "row"],
    loss: Float[Array, "row"],
    law_class: type[AbstractLaw],
    *,
    settings: CurveSettings = CurveSettings(),
) -> CurveFit:
    """Sample the posterior of one curve, loss after `count` tokens or examples, under a law in tokens.

    Raises `InvalidInput` for values out of range, `NotEnoughRuns` with no more rows than coefficients, `FitFailed`
    where neither importance sampling nor NUTS meets its gate.
    """
    data = _pad(count, loss, law_class)
    dimensions = coordinate_count(law_class, drifts=settings.drifts)
    rng = np.random.default_rng([settings.seed, dimensions])
    with float64():
        programs = _programs(law_class, settings.drifts)
        mode = find_mode(programs.potential, data, _starts(programs, data, dimensions, rng))
        wide = Mode(mode.position, _SPREAD * mode.scale)
        for effort in (settings.importance, settings.harder):
            sample = importance_sample(
                lambda white: programs.batch(white, data, wide), dimensions, rng=rng, settings=effort
            )
            by_nuts = sample.effective_size < settings.enough
            if not by_nuts:
                break
        if by_nuts:
            positions, size = _by_nuts(programs.potential, data, mode, settings)
            evidence = np.nan
        else:
            positions = wide.position + sample.points[sample.resample(settings.draws, rng=rng)] @ wide.scale.T
            evidence = sample.log_evidence + float(np.log(np.abs(np.linalg.det(wide.scale))))
            size = sample.effective_size
        coefficients, state = jax.device_get(programs.draws(positions, data))
    posterior = CurvePosterior(
        law=law_class(**{name: np.asarray(value) for name, value in coefficients.items()}),
        level=np.asarray(state.level),
        variance=np.asarray(state.variance),
        drift=np.broadcast_to(np.asarray(state.drift), state.level.shape),
        noise=np.asarray(state.noise),
        last_count=float(np.max(count)),
    )
    return CurveFit(posterior, size, by_nuts, evidence)


def _starts(programs: _Programs, data: CurveData, dimensions: int, rng: np.random.Generator) -> Any:
    standard = Mode(np.zeros(dimensions), np.eye(dimensions))
    points = rng.standard_normal((_SCREENED, dimensions))
    values = programs.batch(points, data, standard)
    chosen = [np.zeros(dimensions)]
    for index in np.argsort(-values):
        if min(np.linalg.norm(points[index] - other) for other in chosen) > _APART:
            chosen.append(points[index])
        if len(chosen) == _STARTS:
            break
    return np.stack(chosen)


def _by_nuts(potential: Any, data: CurveData, mode: Mode, settings: CurveSettings) -> tuple[Any, float]:
    sample = sample_whitened(potential, data, mode, settings=settings.fallback, progress=silent)
    names = {str(index): sample.draws[..., index] for index in range(sample.draws.shape[-1])}
    diagnostics = diagnose(names, diverging=sample.diverging, energy=sample.energy)
    require_convergence(diagnostics, settings.fallback)
    flat = sample.draws.reshape(-1, sample.draws.shape[-1])
    kept = np.linspace(0, len(flat) - 1, settings.draws).round().astype(int)
    return flat[kept], diagnostics.min_bulk_ess


def _pad(count: Any, loss: Any, law_class: type[AbstractLaw]) -> CurveData:
    count, loss = np.asarray(count, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    if count.shape != loss.shape or count.ndim != 1 or law_class.variables != ("d",):
        raise InvalidInput(
            f"{law_class.name!r} over {law_class.variables}, counts of shape {count.shape} and losses of shape "
            f"{loss.shape} given; a curve needs as many counts as losses and a law in tokens such as 'm4_tokens'."
        )
    wrong = np.flatnonzero(~(np.isfinite(count) & np.isfinite(loss) & (count > 0) & (loss > 0)))
    if len(wrong):
        raise InvalidInput(
            "A learning curve's counts and losses must be finite and above zero.",
            [Violation(f"row {row + 1}", f"count {count[row]:g}, loss {loss[row]:g}") for row in wrong],
        )
    if len(np.unique(count)) <= len(law_class.coefficients):
        raise NotEnoughRuns(
            f"{law_class.name!r} has {len(law_class.coefficients)} coefficients and a noise scale, but the curve has "
            f"{len(np.unique(count))} places. Add rows, or fit 'power_tokens', which has 3."
        )
    order = np.argsort(count, kind="stable")
    missing = bucket_size(len(count), smallest=_SMALLEST_BUCKET) - len(count)
    with float64():
        return CurveData(
            count=jnp.asarray(np.pad(count[order], (0, missing), mode="edge")),
            log_loss=jnp.asarray(np.pad(np.log(loss[order]), (0, missing), mode="edge")),
            real=jnp.asarray(np.arange(len(count) + missing) < len(count)),
            reference_count=jnp.asarray(np.exp(np.median(np.log(count)))),
            reference_loss=jnp.asarray(np.exp(np.median(np.log(loss)))),
        )
