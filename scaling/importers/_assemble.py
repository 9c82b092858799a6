"""Run logs into observations: one loss, tokens, sizes; restarts, repeats and NaN resolved and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import InvalidObservations, Violation
from scaling.importers._importer import ImportRequest, LossSeries, RunLog
from scaling.observations import DataReason, DataWarning, LossObservations
from scaling.units import SizeConvention

COOLED_SHARE = 0.2  # of the peak learning rate: decays end at 0 to 10 % of it (a guess between that and half)
_SAME_TOKENS = 0.02  # relative difference up to which two token counts of one row agree
_STEADY = 1e-3  # relative spread of tokens per step up to which a batch is one size all along
_SHOWN = 12


def observations_from(logs: Sequence[RunLog], request: ImportRequest) -> LossObservations:
    """The rows of one loss from all logs; logs with one run label are one run.

    Raises `InvalidObservations` with everything that is missing or ambiguous, for all runs at once.
    """
    if request.run is not None and len(logs) == 1:
        logs = [replace(logs[0], run=request.run)]
    violations: list[Violation] = []
    if request.run is not None and len(logs) > 1:
        violations.append(Violation("run", f"one label given for {len(logs)} files; their own labels are needed"))
    name = _chosen_loss(logs, request, violations)
    convention, sizes = _sizes(logs, request, violations)
    _require_tokens(logs, request, violations)
    if not violations and name is not None:
        built = [_rows(log, name, request, violations) for log in logs]
        _refuse_sizes_that_differ(logs, sizes, violations)
    if violations or name is None:
        raise InvalidObservations("These logs do not say all that is needed; say it, all of it at once:", violations)
    merged, warnings = _merged(logs, built, sizes)
    if not merged.loss:
        raise InvalidObservations(
            f"No loss is left of {name!r}.", [Violation(str(warning.reason), warning.message) for warning in warnings]
        )
    cooled = None if any(known is None for known in merged.cooled) else np.array(merged.cooled, dtype=bool)
    return LossObservations(
        run=tuple(merged.run),
        size=np.array(merged.size),
        tokens=np.array(merged.tokens),
        loss=np.array(merged.loss),
        size_convention=convention,
        validation_set=_series(logs[0], name).validation_set,
        cooled=cooled,
        warnings=tuple(warnings),
    )


@final
@dataclass(frozen=True)
class _Rows:
    """Rows of one log that hold the loss chosen, in the order of the log."""

    step: Float[Array, " value"]
    tokens: Float[Array, " value"]
    loss: Float[Array, " value"]
    cooled: Bool[Array, " value"] | None


@final
@dataclass
class _Merged:
    run: list[str] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    cooled: list[bool | None] = field(default_factory=list)


def _series(log: RunLog, name: str) -> LossSeries:
    return log.series[name] if name in log.series else next(s for s in log.series.values() if s.validation_set == name)


def _has(log: RunLog, name: str) -> bool:
    return name in log.series or any(series.validation_set == name for series in log.series.values())


def _chosen_loss(logs: Sequence[RunLog], request: ImportRequest, violations: list[Violation]) -> str | None:
    """The name of the loss to take: the one asked for, or the only one on held-out text; never a guess."""
    names = list(dict.fromkeys(name for log in logs for name in log.series))
    if not names:
        violations.append(Violation("loss", f"no loss is logged in {_listed([log.source for log in logs])}"))
        return None
    if request.loss is not None:
        without = [log.source for log in logs if not _has(log, request.loss)]
        if without:
            violations.append(
                Violation("loss", f"no {request.loss!r} in {_listed(without)}; there are {_listed(names)}")
            )
            return None
        return request.loss
    held_out = [
        name for name in names if any(name in log.series and log.series[name].training is False for log in logs)
    ]
    everywhere = [name for name in held_out if all(name in log.series for log in logs)]
    if len(held_out) == 1 and everywhere:
        return held_out[0]
    if held_out:
        violations.append(Violation("loss", f"several losses on held-out text: name one of {_listed(held_out)}"))
    else:
        violations.append(
            Violation(
                "loss",
                f"no loss on held-out text that is known as such; name one of {_listed(names)} to take it. A training "
                "loss is averaged over steps and, beyond one epoch, of text seen before",
            )
        )
    return None


def _sizes(
    logs: Sequence[RunLog], request: ImportRequest, violations: list[Violation]
) -> tuple[SizeConvention, dict[str, float]]:
    """Parameters by source file, and what they count."""
    convention = request.size_convention
    given = request.size
    sizes: dict[str, float] = {}
    missing: list[str] = []
    choices: set[SizeConvention] = set()
    for log in logs:
        stated = given.get(log.run) if isinstance(given, Mapping) else given
        if stated is not None:
            sizes[log.source] = float(stated)
        elif convention is not None and convention in log.size:
            sizes[log.source] = log.size[convention]
        elif len(log.size) == 1 and convention is None:
            ((only, value),) = log.size.items()
            choices.add(only)
            sizes[log.source] = value
        elif log.size:
            choices |= set(log.size)
            missing.append("")
        else:
            missing.append(log.run)
    unnamed = sorted({label for label in missing if label})
    if unnamed:
        violations.append(Violation("size", f"not in the log; give the parameters of {_listed(unnamed)}"))
    if len(choices) > 1 or "" in missing:
        counts = ", ".join(sorted(choices))
        violations.append(Violation("size convention", f"the files count {counts}: name the one to take"))
    if isinstance(given, Mapping):
        strangers = sorted(set(given) - {log.run for log in logs})
        if strangers:
            labels = _listed(sorted({log.run for log in logs}))
            violations.append(Violation("size", f"no run is called {_listed(strangers)}; there are {labels}"))
    if convention is None:
        convention = next(iter(choices)) if len(choices) == 1 and given is None else SizeConvention.UNSPECIFIED
    return convention, sizes


def _require_tokens(logs: Sequence[RunLog], request: ImportRequest, violations: list[Violation]) -> None:
    """Add logs whose rows have neither tokens nor steps that can be turned into them."""
    without = [
        log
        for log in logs
        if (log.tokens is None or not np.isfinite(log.tokens).any())
        and (log.step is None or (request.stated_tokens_per_step or log.tokens_per_step) is None)
    ]
    stepless = [log.source for log in without if log.step is None]
    if stepless:
        violations.append(Violation("tokens", f"neither tokens nor steps are logged in {_listed(stepless)}"))
    counting = [log.source for log in without if log.step is not None]
    if counting:
        violations.append(
            Violation(
                "tokens per step",
                f"{_listed(counting)} log steps, no tokens; give the tokens per step, or the batch size over all "
                "devices and the sequence length",
            )
        )


def _rows(log: RunLog, name: str, request: ImportRequest, violations: list[Violation]) -> _Rows:
    """Tokens and cooling of the rows that hold the loss; what contradicts what was given is added to `violations`."""
    series = _series(log, name)
    per_step = request.stated_tokens_per_step or log.tokens_per_step
    step = None if log.step is None else log.step[series.row]
    logged = None if log.tokens is None else _at_every_row(log.tokens, log.step)[series.row]
    counted = None if per_step is None or step is None else step * per_step
    if logged is not None and np.isfinite(logged).all():
        tokens = logged
        if request.stated_tokens_per_step is not None and counted is not None and step is not None:
            last = int(np.argmax(logged))
            if abs(counted[last] / max(logged[last], 1.0) - 1.0) > _SAME_TOKENS:
                violations.append(
                    Violation(
                        "tokens per step",
                        f"{per_step:g} given makes {counted[last]:.4g} tokens at step {step[last]:g} of {log.run!r}, "
                        f"but {log.source} logs {logged[last]:.4g}; leave it out, or drop the logged column",
                    )
                )
    elif counted is not None:
        tokens = counted
    else:  # `_require_tokens` let it pass for its other rows
        tokens = np.full(len(series.row), np.nan) if logged is None else logged
    order = step if step is not None and np.isfinite(step).all() else tokens
    return _Rows(step=order, tokens=tokens, loss=series.loss, cooled=_cooled(log, series))


def _at_every_row(tokens: Float[Array, " row"], step: Float[Array, " row"] | None) -> Float[Array, " row"]:
    """Tokens where rows of the log leave them out: in proportion to the step where they are that in all other rows.

    Otherwise by the step between the rows that have them; NaN beyond those.
    """
    known = np.isfinite(tokens) if step is None else np.isfinite(tokens) & np.isfinite(step) & (step > 0)
    if known.all() or step is None or known.sum() < 2:
        return tokens
    ratio = tokens[known] / step[known]
    if np.ptp(ratio) <= _STEADY * np.median(ratio):
        guessed = step * np.median(ratio)
    else:
        order = np.flatnonzero(known)[np.argsort(step[known], kind="stable")]
        guessed = np.interp(step, step[order], tokens[order], left=np.nan, right=np.nan)
    filled: Float[Array, " row"] = np.where(np.isfinite(tokens), tokens, guessed)
    return filled


def _cooled(log: RunLog, series: LossSeries) -> Bool[Array, " value"] | None:
    """Whether the learning rate had fallen to a fifth of its peak or less; None where the log does not show it."""
    if log.learning_rate is None or not np.isfinite(log.learning_rate).any():
        return None
    filled = np.array(log.learning_rate, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(filled))
    before = np.searchsorted(known, np.arange(len(filled)), side="right") - 1  # rows between keep the last one logged
    filled = filled[known[np.maximum(before, 0)]]
    top = int(np.argmax(filled))
    peak = max(float(filled[top]), log.peak_learning_rate or 0.0)
    after = np.arange(len(filled)) > top if peak <= filled[top] else np.ones(len(filled), dtype=bool)
    if peak > filled[top] and len(filled) > 1:  # the peak itself was not logged: warm-up rises, decay falls
        after = np.arange(len(filled)) >= top
    cooled: Bool[Array, " value"] = (after & (filled <= COOLED_SHARE * peak))[series.row]
    return cooled


def _refuse_sizes_that_differ(logs: Sequence[RunLog], sizes: dict[str, float], violations: list[Violation]) -> None:
    first: dict[str, RunLog] = {}
    for log in logs:
        start = first.setdefault(log.run, log)
        if sizes[log.source] != sizes[start.source]:
            violations.append(
                Violation(
                    f"run {log.run!r}",
                    f"{sizes[start.source]:.4g} parameters in {start.source}, {sizes[log.source]:.4g} in {log.source}; "
                    "rename one of the files",
                )
            )


def _merged(
    logs: Sequence[RunLog], built: Sequence[_Rows], sizes: dict[str, float]
) -> tuple[_Merged, list[DataWarning]]:
    """All rows run by run: what is no loss left out, restarts and repeats resolved, each with its warning."""
    merged = _Merged()
    warnings: list[DataWarning] = []
    seen: dict[tuple[float, bytes, bytes], str] = {}
    for run in dict.fromkeys(log.run for log in logs):
        parts = [(log, rows) for log, rows in zip(logs, built, strict=True) if log.run == run]
        parts.sort(key=lambda part: float(np.max(part[1].step, initial=-np.inf)))
        step = np.concatenate([rows.step for _, rows in parts])
        tokens = np.concatenate([rows.tokens for _, rows in parts])
        loss = np.concatenate([rows.loss for _, rows in parts])
        known = all(rows.cooled is not None for _, rows in parts)
        cooled = np.concatenate([rows.cooled for _, rows in parts]) if known else None
        usable = _usable(run, step, tokens, loss, warnings)
        kept = usable[_last_pass(run, step[usable], loss[usable], warnings)]
        content = (sizes[parts[0][0].source], tokens[kept].tobytes(), loss[kept].tobytes())
        twin = seen.setdefault(content, run)
        if twin != run and len(kept):
            warnings.append(
                DataWarning(
                    DataReason.DUPLICATE_ROWS,
                    f"run {run!r} holds the very losses of {twin!r}, as a copy of its file does; it is left out.",
                )
            )
            continue
        merged.run += [run] * len(kept)
        merged.size += [sizes[parts[0][0].source]] * len(kept)
        merged.tokens += tokens[kept].tolist()
        merged.loss += loss[kept].tolist()
        merged.cooled += [None] * len(kept) if cooled is None else cooled[kept].tolist()
    return merged, warnings


def _usable(
    run: str,
    step: Float[Array, " value"],
    tokens: Float[Array, " value"],
    loss: Float[Array, " value"],
    warnings: list[DataWarning],
) -> Array:
    """Indices of rows that say something; those that do not are warned about."""
    finite = np.isfinite(loss) & (loss > 0)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        warnings.append(
            DataWarning(
                DataReason.NON_FINITE_LOSS,
                f"run {run!r}: {len(bad)} of {len(loss)} losses are NaN, infinite or not above zero, the first at step "
                f"{step[bad[0]]:g}; they are left out. A run that diverged says nothing about its size.",
                tuple(int(index) + 1 for index in bad),
            )
        )
    trained = tokens > 0  # NaN is not
    if not trained.all():
        warnings.append(
            DataWarning(
                DataReason.UNTRAINED_ROWS,
                f"run {run!r}: {int(np.sum(~trained))} rows have no training tokens yet, or none that are logged; they "
                "are left out.",
            )
        )
    return np.flatnonzero(finite & trained)


def _last_pass(
    run: str, step: Float[Array, " value"], loss: Float[Array, " value"], warnings: list[DataWarning]
) -> Array:
    """Indices of the rows that count where steps go back: what was trained later replaces what it overtakes."""
    kept: list[int] = []
    replaced, repeated = 0, 0
    back: tuple[float, float] | None = None
    for index, at in enumerate(step):
        while kept and step[kept[-1]] >= at:
            last = kept.pop()
            if step[last] == at and loss[last] == loss[index]:
                repeated += 1
            else:
                replaced += 1
                back = back or (float(step[last]), float(at))
        kept.append(index)
    if repeated:
        warnings.append(
            DataWarning(
                DataReason.DUPLICATE_ROWS, f"run {run!r}: {repeated} rows repeat an earlier one; each is counted once."
            )
        )
    if replaced and back is not None:
        warnings.append(
            DataWarning(
                DataReason.RESUMED_RUN,
                f"run {run!r}: steps go back from {back[0]:g} to {back[1]:g}, as after a restart; the {replaced} rows "
                "that the later ones overtake are left out.",
            )
        )
    return np.array(kept, dtype=int)


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(repr(word) for word in words[:_SHOWN])
    return shown + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")
