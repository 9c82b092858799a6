"""Tables into observations: columns found, units converted, every bad row listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import tokens_from_flops
from scaling.errors import InvalidInput, InvalidObservations, UnitMismatch, Violation
from scaling.observations import _checks
from scaling.observations._columns import Source, convention_of, loss_unit_of, resolve
from scaling.observations._tables import RawTable, table_from_file, table_from_rows
from scaling.observations._warnings import DataWarning
from scaling.observations.losses import LossObservations
from scaling.observations.scores import ScoreObservations
from scaling.units import LossUnit, SizeConvention, nats_per_token


@final
@dataclass(frozen=True)
class Reading:
    """How a table is to be read.

    - `columns`: role to header, such as `{"size": "params", "tokens": "D*1e9"}`; roles not named keep their own names.
    - `size_convention`: what the sizes count, where the table does not say.
    - `loss_unit`, `bytes_per_token`: unit of the losses, where the header does not say; bits per byte need the latter.
    - `tokens_from_compute`: take D = C / (6 N) from the compute column.
    - `validation_set`: which rows to take where the table has several sets, or the set's name where it has no column.
    - `item_count`, `chance`: for scores whose table does not carry them; one number, or one by task.
    - `covariates`: names of further columns of numbers that the law asked for depends on; for losses.
    - `metrics`: the metrics to take; others (log-likelihoods, say, which are no scores) are passed over.

    Raises `InvalidInput` for an unknown convention or unit.
    """

    columns: Mapping[str, str] | None = None
    size_convention: SizeConvention | None = None
    loss_unit: LossUnit | None = None
    bytes_per_token: float | None = None
    tokens_from_compute: bool = False
    validation_set: str | None = None
    item_count: float | Mapping[str, float] | None = None
    chance: float | Mapping[str, float] | None = None
    metrics: Sequence[str] | None = None
    covariates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("size_convention", SizeConvention), ("loss_unit", LossUnit)):
            given = getattr(self, name)
            if given is not None and given not in set(kind):
                raise InvalidInput(
                    f"{given!r} is no {name.replace('_', ' ')}.", [Violation(name, f"one of {', '.join(kind)} needed")]
                )
            object.__setattr__(self, name, None if given is None else kind(given))


def read_loss_observations(
    path: Path | str,
    *,
    columns: Mapping[str, str] | None = None,
    size_convention: SizeConvention | None = None,
    loss_unit: LossUnit | None = None,
    bytes_per_token: float | None = None,
    tokens_from_compute: bool = False,
    validation_set: str | None = None,
    covariates: Sequence[str] = (),
) -> LossObservations:
    """Read losses from CSV, TSV, Parquet, JSON or JSON lines; see `Reading` for the arguments.

    Raises `NotFound` for a missing file, `InvalidObservations` with every bad row, `UnitMismatch` for mixed units.
    """
    reading = Reading(
        columns=columns,
        size_convention=size_convention,
        loss_unit=loss_unit,
        bytes_per_token=bytes_per_token,
        tokens_from_compute=tokens_from_compute,
        validation_set=validation_set,
        covariates=tuple(covariates),
    )
    return losses_from_table(LossObservations, table_from_file(path), reading)


def loss_observations_from_rows(rows: Iterable[Mapping[str, Any]], **reading: Any) -> LossObservations:
    """Read losses from mappings of header to cell; the keywords are those of `Reading`."""
    return losses_from_table(LossObservations, table_from_rows(rows), Reading(**reading))


def read_score_observations(
    path: Path | str,
    *,
    columns: Mapping[str, str] | None = None,
    size_convention: SizeConvention | None = None,
    loss_unit: LossUnit | None = None,
    bytes_per_token: float | None = None,
    tokens_from_compute: bool = False,
    validation_set: str | None = None,
    item_count: float | Mapping[str, float] | None = None,
    chance: float | Mapping[str, float] | None = None,
    metrics: Sequence[str] | None = None,
) -> ScoreObservations:
    """Read scores from CSV, TSV, Parquet, JSON or JSON lines; see `Reading` for the arguments.

    Raises as `read_loss_observations` does.
    """
    reading = Reading(
        columns=columns,
        size_convention=size_convention,
        loss_unit=loss_unit,
        bytes_per_token=bytes_per_token,
        tokens_from_compute=tokens_from_compute,
        validation_set=validation_set,
        item_count=item_count,
        chance=chance,
        metrics=metrics,
    )
    return scores_from_table(ScoreObservations, table_from_file(path), reading)


def score_observations_from_rows(rows: Iterable[Mapping[str, Any]], **reading: Any) -> ScoreObservations:
    """Read scores from mappings of header to cell; the keywords are those of `Reading`."""
    return scores_from_table(ScoreObservations, table_from_rows(rows), Reading(**reading))


@final
@dataclass(frozen=True)
class _Checkpoints:
    """What losses and scores have in common, converted, with the faults found so far."""

    table: RawTable
    sources: Mapping[str, Source]
    run: tuple[str, ...]
    size: Float[Array, " row"]
    tokens: Float[Array, " row"]
    loss: Float[Array, " row"]
    size_convention: SizeConvention
    validation_set: str
    violations: list[Violation]


def losses_from_table(cls: type[LossObservations], table: RawTable, reading: Reading) -> LossObservations:
    """Build `cls` from a raw table; raises `InvalidObservations` with every bad row, `UnitMismatch`."""
    read = _checkpoints(table, reading, required=reading.covariates, optional=("cooled", "compute"))
    covariates = {name: _checks.numbers(read.table, read.sources[name], read.violations) for name in reading.covariates}
    for name, values in covariates.items():
        _checks.must_be_positive(read.table, read.sources[name], values, read.violations)
    cooled = None
    if "cooled" in read.sources:
        cooled = _checks.truths(read.table, read.sources["cooled"], read.violations)
    others = [values.tolist() for values in covariates.values()]
    keys: list[tuple[Any, ...]] = list(zip(read.run, read.size.tolist(), read.tokens.tolist(), *others, strict=True))
    if "run" not in read.sources:  # unlabelled rows are runs of their own: only a row equal in all repeats another
        keys = [(*key[1:], loss) for key, loss in zip(keys, read.loss.tolist(), strict=True)]
    keep, warnings = _checks.repeated_rows(read.table, keys, read.loss, read.violations)
    _raise_for(read)
    warnings += _checks.unusual_rows(read.table, read.size, read.tokens, read.loss)
    if "compute" in read.sources and not reading.tokens_from_compute:
        warnings += _checks.mixed_size_conventions(read.table, read.sources["compute"], read.size, read.tokens)
    return cls(
        run=_kept(read.run, keep),
        size=read.size[keep],
        tokens=read.tokens[keep],
        loss=read.loss[keep],
        size_convention=read.size_convention,
        validation_set=read.validation_set,
        warnings=tuple(warnings),
        covariates={name: values[keep] for name, values in covariates.items()},
        cooled=None if cooled is None else cooled[keep],
    )


def scores_from_table(cls: type[ScoreObservations], table: RawTable, reading: Reading) -> ScoreObservations:
    """Build `cls` from a raw table; raises `InvalidObservations` with every bad row, `UnitMismatch`."""
    if reading.metrics is not None:
        table = _of_metrics(table, reading)
    given = {"item_count": reading.item_count, "chance": reading.chance}
    required = ["task", "score", *(name for name, value in given.items() if value is None)]
    read = _checkpoints(table, reading, required=required, optional=("metric",))
    table, violations = read.table, read.violations
    task = _checks.texts(table, read.sources["task"], violations)
    metric = ("score",) * len(table)
    if "metric" in read.sources:
        metric = _checks.texts(table, read.sources["metric"], violations)
    score = _scores(table, read.sources["score"], violations)
    item_count = _column_or_given(read, "item_count", given["item_count"], task)
    chance = _column_or_given(read, "chance", given["chance"], task)
    _check_range(read, "item_count", item_count, item_count < 1, "at least one item")
    _check_range(read, "chance", chance, (chance < 0) | (chance >= 1), "a chance level from 0 to below 1")
    keys = list(zip(read.run, read.size.tolist(), read.tokens.tolist(), task, metric, strict=True))
    if "run" not in read.sources:
        keys = [(*key[1:], value) for key, value in zip(keys, score.tolist(), strict=True)]
    keep, warnings = _checks.repeated_rows(table, keys, score, violations)
    _raise_for(read)
    warnings += _checks.unusual_rows(table, read.size, read.tokens, read.loss)
    return cls(
        run=_kept(read.run, keep),
        size=read.size[keep],
        tokens=read.tokens[keep],
        loss=read.loss[keep],
        task=_kept(task, keep),
        metric=_kept(metric, keep),
        score=score[keep],
        item_count=item_count[keep],
        chance=chance[keep],
        size_convention=read.size_convention,
        validation_set=read.validation_set,
        warnings=tuple(warnings),
    )


def _checkpoints(
    table: RawTable, reading: Reading, *, required: Sequence[str], optional: Sequence[str]
) -> _Checkpoints:
    """Run, size, tokens and loss of each row, in the product's units."""
    amount = "compute" if reading.tokens_from_compute else "tokens"
    sources = resolve(
        table.headers,
        required=("size", amount, "loss", *required),
        optional=("run", "validation_set", "size_convention", "tokenizer", *optional),
        columns=reading.columns,
        size_convention=reading.size_convention,
        covariates=reading.covariates,
    )
    table, validation_set = _one_validation_set(table, sources.get("validation_set"), reading.validation_set)
    if "tokenizer" in sources:
        _checks.refuse_two_tokenizers(table, sources["tokenizer"])
    convention = _one_convention(table, sources, reading.size_convention)
    violations: list[Violation] = []
    size = _checks.numbers(table, sources["size"], violations)
    counted = _checks.numbers(table, sources[amount], violations)
    loss = _checks.numbers(table, sources["loss"], violations)
    per_unit = nats_per_token(
        1.0, unit=loss_unit_of(sources["loss"], reading.loss_unit), bytes_per_token=reading.bytes_per_token
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        tokens = tokens_from_flops(counted, size) if reading.tokens_from_compute else counted
    if not violations:
        _checks.refuse_wrong_units(size, tokens, loss * per_unit)
        _checks.rows_in_other_units(
            table, sources, size=size, tokens=tokens, loss=loss * per_unit, violations=violations
        )
    for name, values in (("size", size), (amount, counted), ("loss", loss)):
        _checks.must_be_positive(table, sources[name], values, violations)
    if "run" in sources:
        run = _checks.texts(table, sources["run"], violations)
        _checks.one_size_per_run(table, run, size, violations)
    else:
        run = tuple(f"{table.place_word} {place}" for place in table.places)
    return _Checkpoints(table, sources, run, size, tokens, loss * per_unit, convention, validation_set, violations)


def _one_validation_set(table: RawTable, source: Source | None, wanted: str | None) -> tuple[RawTable, str]:
    """The rows of one validation set and its name; raises `UnitMismatch` where it must be named."""
    if not len(table):
        raise InvalidObservations(f"{table.name!r} has a header and no rows. One row per observation is needed.")
    if source is None:
        return table, wanted or "unspecified"
    sets = [str(cell) for cell in table.columns[source.header]]
    names = sorted(set(sets))
    if wanted is None and len(names) > 1:
        raise UnitMismatch(
            f"{table.name!r} holds losses on {len(names)} validation sets, which must not be mixed.",
            [Violation("validation_set", f"name one of {', '.join(names)}")],
        )
    chosen = names[0] if wanted is None else wanted
    if chosen not in names:
        raise InvalidObservations(
            f"{table.name!r} holds no losses on {chosen!r}.",
            [Violation("validation_set", f"name one of {', '.join(names)}")],
        )
    return table.take([index for index, name in enumerate(sets) if name == chosen]), chosen


def _of_metrics(table: RawTable, reading: Reading) -> RawTable:
    """The rows of the metrics wanted; raises `InvalidObservations` naming those that have no rows."""
    source = resolve(table.headers, required=("metric",), optional=(), columns=reading.columns)["metric"]
    metrics = [str(cell) for cell in table.columns[source.header]]
    absent = [metric for metric in reading.metrics or () if metric not in metrics]
    if absent:
        raise InvalidObservations(
            f"{table.name!r} holds no scores by {', '.join(absent)}.",
            [Violation("metrics", f"there are {', '.join(sorted(set(metrics)))}")],
        )
    return table.take([index for index, metric in enumerate(metrics) if metric in set(reading.metrics or ())])


def _one_convention(table: RawTable, sources: Mapping[str, Source], wanted: SizeConvention | None) -> SizeConvention:
    """The size convention of all rows; raises `UnitMismatch` where they differ or contradict what was asked for."""
    if "size_convention" not in sources:
        return convention_of(sources["size"], wanted)
    names = sorted({str(cell) for cell in table.columns[sources["size_convention"].header]})
    unknown = [name for name in names if name not in set(SizeConvention)]
    if unknown or len(names) > 1:
        raise UnitMismatch(
            f"{table.name!r} counts sizes as {', '.join(names)}; one of {', '.join(SizeConvention)} is needed.",
            [Violation("size_convention", "keep the rows of one convention, or recount the sizes from the shapes")],
        )
    stated = SizeConvention(names[0])
    if wanted not in (None, stated):
        raise UnitMismatch(
            f"{table.name!r} counts sizes as {stated}, but {wanted} was asked for.",
            [Violation("size_convention", "recount the sizes from the shapes, or leave the convention out")],
        )
    return stated


def _scores(table: RawTable, source: Source, violations: list[Violation]) -> Float[Array, " row"]:
    """Scores between 0 and 1; percentages are recognised and named."""
    score = _checks.numbers(table, source, violations)
    beyond = np.flatnonzero((score < 0) | (score > 1)).tolist()
    usable = score[np.isfinite(score)]
    if beyond and usable.size and usable.min() >= 0 and 1 < usable.max() <= 100 and np.mean(usable > 1) > 0.5:
        raise InvalidObservations(
            f"The scores look to be in percent: they reach {usable.max():g}.",
            [Violation("score", f"map the column with its unit: score={source.header}*0.01")],
        )
    violations += [
        Violation(table.where(index, source.header), f"{score[index]:g} given, a score between 0 and 1 needed")
        for index in beyond
    ]
    return score


def _column_or_given(
    read: _Checkpoints, name: str, given: float | Mapping[str, float] | None, task: Sequence[str]
) -> Float[Array, " row"]:
    """A column of the table, or what was given for all rows or by task."""
    if given is None:
        return _checks.numbers(read.table, read.sources[name], read.violations)
    if not isinstance(given, Mapping):
        return np.full(len(read.table), float(given))
    read.violations.extend(
        Violation(f"{name}, task {word!r}", f"none given; write {word}=NUMBER")
        for word in sorted(set(task) - set(given))
    )
    return np.array([given.get(word, np.nan) for word in task], dtype=np.float64)


def _check_range(read: _Checkpoints, name: str, values: Float[Array, " row"], bad: Array, needed: str) -> None:
    header = read.sources[name].header if name in read.sources else name
    read.violations.extend(
        Violation(read.table.where(index, header), f"{values[index]:g} given, {needed} needed")
        for index in np.flatnonzero(bad).tolist()
    )


def _raise_for(read: _Checkpoints) -> None:
    if read.violations:
        count = len(read.violations)
        raise InvalidObservations(
            f"{read.table.name!r} has {count} fault{'s' if count > 1 else ''} in {len(read.table)} rows.",
            read.violations,
        )


def _kept(words: Sequence[str], keep: Sequence[bool]) -> tuple[str, ...]:
    return tuple(word for word, kept in zip(words, keep, strict=True) if kept)


__all__ = [
    "DataWarning",
    "Reading",
    "loss_observations_from_rows",
    "losses_from_table",
    "read_loss_observations",
    "read_score_observations",
    "score_observations_from_rows",
    "scores_from_table",
]
