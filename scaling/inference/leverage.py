r"""Leverage on the answer: how far each answer moves when one run is left out.

The posterior without run j is the posterior's draws weighted by $1 / p(y_j \mid \theta)$, Pareto-smoothed (leave one
out; Vehtari, Gelman and Gabry 2017). Where the smoothing's check fails, which is where a run matters, the mode is
found again without the run, by Newton's method from the mode with it, and the draws' mean is moved as the mode moved.
The answers are then those of the law at the mean of the unconstrained coordinates, with all runs and without each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from scaling._pytree import Array
from scaling.inference._numerics import float64
from scaling.inference.answers import Answers
from scaling.inference.form_error import LawDraws, mean_error_without
from scaling.inference.loss_program import law_draws, loss_potential
from scaling.inference.modes import find_modes
from scaling.inference.nuts import Mode
from scaling.inference.pareto import smooth_weights
from scaling.laws import AbstractLaw
from scaling.models.loss import LossData
from scaling.observations import LossObservations
from scaling.posterior import (
    NOISE_DEGREES_OF_FREEDOM,
    AnswerName,
    AnswerShift,
    Finding,
    FindingCode,
    LossPosterior,
    RunLeverage,
)

# Of n equal runs one moves an answer by 1 / sqrt(n) posterior standard deviations (the jackknife's variance is the sum
# of the squares): a run that moves it by a whole one does alone what the fit says that all scatter does together.
INFLUENTIAL = 1.0
_MOST_CELLS = 500_000  # draws times rows
_FEWEST_DRAWS = 400
_MOST_REFITS = 48
_MOST_HELD = 512  # runs without which the error of the form is found again
_NAMED = 5
KEPT_RUNS = 50


@final
class Sampled(NamedTuple):
    """A fit's sample as its evidence needs it.

    - `positions` [draw, dim]: unconstrained draws, the law's coordinates and the noise scale; `mode`: where they began.
    - `data`: the rows as they were counted. `posterior`: the same draws, with the error of the form.
    """

    law_class: type[AbstractLaw]
    runs: LossObservations
    data: LossData
    mode: Mode
    positions: Float[Array, "draw dim"]
    posterior: LossPosterior

    def thinned(self, most_cells: int) -> Int[Array, "kept"]:
        """Indices spread evenly over the draws, so many that they times the rows stay below `most_cells`."""
        count = min(len(self.positions), max(_FEWEST_DRAWS, most_cells // len(self.runs)))
        return np.linspace(0, len(self.positions) - 1, count).round().astype(int)

    def laws_at(self, positions: Float[Array, "law dim"]) -> LawDraws:
        """Laws at no more positions than there are draws, padded to as many: of that shape there are programs."""
        missing = max(len(self.positions) - len(positions), 0)
        draws = law_draws(self.law_class, self.data, np.pad(positions, ((0, missing), (0, 0)), mode="edge"))
        kept = slice(len(positions))
        return LawDraws(draws.law[kept], draws.noise_scale[kept], draws.run_scale[kept])

    def centre(self) -> AbstractLaw:
        """The law at the mean of the unconstrained coordinates."""
        return self.laws_at(self.positions.mean(axis=0)[np.newaxis]).law[0]


@final
class _Without(NamedTuple):
    labels: tuple[str, ...]
    position: Any  # [run, dim]
    refitted: Any
    reliable: Any


def run_leverage(sampled: Sampled, answers: Answers) -> tuple[RunLeverage, ...]:
    """How the answers move without a run: the runs that move them most (in posterior deviations), the first 50.

    Empty where there is one run only.
    """
    if len(set(sampled.runs.run)) < 2:
        return ()
    without = _positions_without(sampled)
    positions = np.concatenate([sampled.positions.mean(axis=0)[np.newaxis], without.position])
    laws = sampled.laws_at(positions).law
    deviation = _deviations(sampled.posterior, answers)
    log_values = answers.log_values(laws, 0.0)
    moves = np.abs(log_values[:, 1:] - log_values[:, :1]) / deviation[:, np.newaxis]
    held = np.argsort(-moves.max(axis=0), kind="stable")[:_MOST_HELD]
    chosen = np.concatenate([[0], 1 + held])
    error = np.zeros(len(positions))
    error[chosen] = mean_error_without(
        laws[chosen],
        sampled.posterior,
        sampled.runs,
        left_out=(None, *(without.labels[run] for run in held)),
        n=answers.size,
        d=answers.tokens,
        covariates=answers.covariates,
    )
    error[np.setdiff1d(np.arange(len(positions)), chosen)] = error[0]
    log_values = answers.log_values(laws, error)
    shifts = log_values[:, 1:] - log_values[:, :1]
    most = np.argsort(-np.abs(shifts / deviation[:, np.newaxis]).max(axis=0), kind="stable")[:KEPT_RUNS]
    rows = dict(zip(*np.unique(np.asarray(sampled.runs.run), return_counts=True), strict=True))
    return tuple(
        RunLeverage(
            run=without.labels[run],
            rows=int(rows[without.labels[run]]),
            shifts=tuple(
                AnswerShift(answer=answer, factor=float(np.exp(shift)), deviations=float(shift / unit))
                for answer, shift, unit in zip(answers.asked, shifts[:, run], deviation, strict=True)
            ),
            refitted=bool(without.refitted[run]),
            reliable=bool(without.reliable[run]),
        )
        for run in most
    )


def leverage_findings(leverage: Sequence[RunLeverage]) -> list[Finding]:
    """The runs without which an answer moves by more than a posterior standard deviation."""
    called = [each for each in leverage if abs(each.largest.deviations) > INFLUENTIAL]
    if not called:
        return []
    sentences = []
    for each in called[:_NAMED]:
        rows = f" ({each.rows} rows)" if each.rows > 1 else ""
        moved = [
            f"{shift.answer} by {_factor(shift)} ({abs(shift.deviations):.1f} posterior standard deviations)"
            for shift in each.shifts
            if abs(shift.deviations) > INFLUENTIAL
        ]
        rough = "" if each.reliable else ", roughly"
        sentences.append(f"dropping run {each.run!r}{rows} moves {'; '.join(moved)}{rough}")
    more = f"; and {len(called) - _NAMED} more runs" if len(called) > _NAMED else ""
    return [
        Finding(
            code=FindingCode.INFLUENTIAL_RUN,
            message=f"Single runs drive the answer: {'. Likewise '.join(sentences)}{more}. Check them, or repeat them "
            "with another seed.",
        )
    ]


def _factor(shift: AnswerShift) -> str:
    digits = 3 if shift.answer.name is AnswerName.LOSS else 2
    up = shift.factor >= 1.0
    return f"{shift.factor if up else 1 / shift.factor:.{digits}f}x {'up' if up else 'down'}"


def _deviations(posterior: LossPosterior, answers: Answers) -> Float[Array, "answer"]:
    """Standard deviation of each answer's logarithm over the draws, from its 90 % interval."""
    count = min(1000, posterior.draw_count)
    kept = posterior.take(np.linspace(0, posterior.draw_count - 1, count).round().astype(int))
    at = (np.asarray([answers.size]), np.asarray([answers.tokens]))
    error = kept.form_error.at(*at, **{name: value[np.newaxis] for name, value in answers.covariates.items()})[:, 0]
    low, high = np.quantile(answers.log_values(kept.law, error), (0.05, 0.95), axis=1)
    return np.maximum((high - low) / (2.0 * 1.6448536269514722), 1e-12)


def _positions_without(sampled: Sampled) -> _Without:
    """Mean unconstrained coordinates of the posterior without each run."""
    runs = sampled.runs
    thinned = sampled.thinned(_MOST_CELLS)
    kept = sampled.positions[thinned]
    law = sampled.posterior.law[thinned]
    error = np.log(runs.loss) - law[..., np.newaxis].log_loss(runs.size, runs.tokens, **runs.covariates)
    nu, scale = NOISE_DEGREES_OF_FREEDOM, np.exp(kept[:, -1:])  # of all scatter, within runs and between them
    log_density = -0.5 * (nu + 1.0) * np.log1p((error / scale) ** 2 / nu) - np.log(scale)
    log_density = log_density * np.asarray(sampled.data.information)[: len(runs)]
    labels, run = np.unique(np.asarray(runs.run), return_inverse=True)
    order = np.argsort(run, kind="stable")
    first = np.searchsorted(run[order], np.arange(len(labels)))
    of_run = np.add.reduceat(log_density[:, order], first, axis=1)
    smoothed = smooth_weights(-of_run.T)
    offset = sampled.positions.mean(axis=0) - kept.mean(axis=0)
    position = smoothed.weights @ kept + offset
    failed = np.flatnonzero(~smoothed.reliable)
    failed = failed[np.argsort(-smoothed.shape[failed], kind="stable")][:_MOST_REFITS]
    refitted = np.zeros(len(labels), dtype=bool)
    for index in failed:
        found = _mode_without(sampled, run == index)
        if found is not None:
            position[index] = sampled.positions.mean(axis=0) + found - sampled.mode.position
            refitted[index] = True
    return _Without(tuple(str(label) for label in labels), position, refitted, smoothed.reliable | refitted)


def _mode_without(sampled: Sampled, left_out: Bool[Array, "row"]) -> Float[Array, "dim"] | None:
    """The mode without these rows, by the program that found the mode with them; None where Newton does not arrive."""
    data = sampled.data
    with float64():
        weight = np.asarray(data.information).copy()
        weight[: len(left_out)][left_out] = 0.0
        one = jax.tree.map(lambda leaf: leaf[None], data._replace(information=jnp.asarray(weight)))
        start = sampled.mode.position
        found = find_modes(loss_potential(sampled.law_class), one, np.stack([start] * 3)[np.newaxis])
    return found.position[0] if found.converged[0] else None
