"""Checks on rows as read: every fault with its line and reason, and mistakes of unit recognised by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import InvalidInput, InvalidObservations, UnitMismatch, Violation
from scaling.observations._columns import Source
from scaling.observations._tables import RawTable
from scaling.observations._warnings import DataReason, DataWarning
from scaling.units import format_count, parse_count

# A network trained on fewer tokens than this per parameter has learnt next to nothing; published runs lie between
# .1 and 1e5 tokens per parameter.
_TOO_FEW_TOKENS_PER_PARAMETER = 1e-3
_USUAL_TOKENS_PER_PARAMETER = (1e-2, 1e5)
_LOSS_OF_A_NOVICE = 8.0  # nats: ln of a vocabulary of 3,000; a lower loss has been learnt
_LARGEST_VOCABULARY_LOSS = math.log(1e6)
_SMALLEST_NETWORK = 1e3
_UNITS = (("millions", 1e6), ("billions", 1e9), ("trillions", 1e12))
_TYPICAL_TOKENS_PER_PARAMETER = 20.0
_TOKENS_OF_NO_RUN = 1e5
_ENOUGH_FOR_CONVENTIONS = 6
_RATIO_SPREAD = 0.05  # standard deviation of ln(C / 6ND) about a smooth function of size
_YES, _NO = ("yes", "true", "1", "1.0", "cooled"), ("no", "false", "0", "0.0", "uncooled")
_EMPTY = ("", "na", "n/a", "null", "none")


def numbers(table: RawTable, source: Source, violations: list[Violation]) -> Float[Array, " row"]:
    """The column as float64; a cell that is no finite number is added to `violations` and stays NaN."""
    cells = table.columns[source.header]
    try:
        values = np.array(cells, dtype=np.float64)
        clean = bool(np.isfinite(values).all())
    except (TypeError, ValueError):
        clean = False
    if not clean:
        values = np.full(len(cells), np.nan)
        for index, cell in enumerate(cells):
            read = _number(cell)
            if isinstance(read, str):
                violations.append(Violation(table.where(index, source.header), read))
            else:
                values[index] = read
    return values * source.factor


def texts(table: RawTable, source: Source, violations: list[Violation]) -> tuple[str, ...]:
    """The column as text; an empty cell is added to `violations`."""
    words = tuple("" if cell is None or cell != cell else str(cell).strip() for cell in table.columns[source.header])  # noqa: PLR0124 - NaN
    violations += [
        Violation(table.where(index, source.header), "empty, a name needed")
        for index, word in enumerate(words)
        if not word
    ]
    return words


def truths(table: RawTable, source: Source, violations: list[Violation]) -> Bool[Array, " row"]:
    """The column as true and false; any other cell is added to `violations`."""
    words = [str(cell).strip().lower() for cell in table.columns[source.header]]
    violations += [
        Violation(table.where(index, source.header), f"{word!r} given, yes or no needed")
        for index, word in enumerate(words)
        if word not in (*_YES, *_NO)
    ]
    return np.array([word in _YES for word in words], dtype=bool)


def refuse_two_tokenizers(table: RawTable, source: Source) -> None:
    """Raise `UnitMismatch` where the column names more than one tokenizer: their nats per token are no one unit."""
    names = sorted({str(cell) for cell in table.columns[source.header]})
    if len(names) > 1:
        raise UnitMismatch(
            f"{table.name!r} holds losses per token of {len(names)} tokenizers ({', '.join(names)}), which must not be "
            "mixed.",
            [
                Violation(
                    "tokenizer", "keep the rows of one, or bring all to bits per byte with each one's bytes per token"
                )
            ],
        )


def must_be_positive(
    table: RawTable, source: Source, values: Float[Array, " row"], violations: list[Violation]
) -> None:
    """Add every value that is not above zero to `violations`."""
    violations += [
        Violation(table.where(index, source.header), f"{values[index]:g} given, a number above zero needed")
        for index in np.flatnonzero(values <= 0).tolist()
    ]


def refuse_wrong_units(size: Float[Array, " row"], tokens: Float[Array, " row"], loss: Float[Array, " row"]) -> None:
    """Recognise sizes or tokens written in millions, billions or trillions; raises `InvalidObservations` naming it.

    Loss decides together with tokens per parameter: a loss far below that of a novice was not learnt from a
    thousandth of a token per parameter.
    """
    usable = (size > 0) & (tokens > 0) & (loss > 0)
    if not usable.any():
        return
    middle_size, middle_tokens = float(np.median(size[usable])), float(np.median(tokens[usable]))
    if middle_size < _SMALLEST_NETWORK:
        unit, factor = _unit_that_gives(middle_tokens / middle_size, divide=True)
        if middle_tokens < 1e6:
            unit, factor = "billions", 1e9
        raise InvalidObservations(
            f"The sizes look to be in {unit}, not parameters: their median is {middle_size:.3g}.",
            [Violation("size", f"map the column with its unit, such as size=HEADER*{factor:.0e}".replace("+0", ""))],
        )
    ratio = float(np.median(tokens[usable] / size[usable]))
    if ratio < _TOO_FEW_TOKENS_PER_PARAMETER and float(np.median(loss[usable])) < _LOSS_OF_A_NOVICE:
        unit, factor = _unit_that_gives(ratio, divide=False)
        raise InvalidObservations(
            f"The tokens look to be in {unit}: a loss of {np.median(loss[usable]):.3g} nats was not reached with "
            f"{ratio:.1g} tokens per parameter (median: {middle_tokens:.3g} tokens, size {format_count(middle_size)}).",
            [
                Violation(
                    "tokens", f"map the column with its unit, such as tokens=HEADER*{factor:.0e}".replace("+0", "")
                )
            ],
        )


def rows_in_other_units(
    table: RawTable,
    sources: Mapping[str, Source],
    *,
    size: Float[Array, " row"],
    tokens: Float[Array, " row"],
    loss: Float[Array, " row"],
    violations: list[Violation],
) -> None:
    """Add single rows whose tokens or size cannot be counts, where most rows' are: billions among ones."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = tokens / size
    few = (tokens > 0) & (tokens < _TOKENS_OF_NO_RUN) & (ratio < _TOO_FEW_TOKENS_PER_PARAMETER)
    for index in np.flatnonzero(few & (loss > 0) & (loss < _LOSS_OF_A_NOVICE)).tolist():
        description = (
            f"{tokens[index]:g} tokens given for a loss of {loss[index]:.3g} at size {format_count(size[index])}: a "
            "count is needed, this looks like millions or billions of them"
        )
        violations.append(Violation(table.where(index, sources.get("tokens", sources["size"]).header), description))
    small = (size > 0) & (size < _SMALLEST_NETWORK) & (ratio > _USUAL_TOKENS_PER_PARAMETER[1])
    for index in np.flatnonzero(small).tolist():
        description = (
            f"{size[index]:g} parameters given for {format_count(tokens[index])} tokens: a count is needed, this looks "
            "like millions or billions of them"
        )
        violations.append(Violation(table.where(index, sources["size"].header), description))


def mixed_size_conventions(
    table: RawTable, source: Source, size: Float[Array, " row"], tokens: Float[Array, " row"]
) -> list[DataWarning]:
    r"""A warning where stated compute over $6 N D$ jumps from row to row at one size: sizes count different things."""
    compute = numbers(table, source, [])
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(compute / (6.0 * size * tokens))
    if len(log_ratio) < _ENOUGH_FOR_CONVENTIONS or not np.isfinite(log_ratio).all():
        return []
    log_n = np.log(size)
    degree = min(2, len(np.unique(size)) - 1)
    left = log_ratio - np.polyval(np.polyfit(log_n, log_ratio, degree), log_n)
    if np.std(left) < _RATIO_SPREAD:
        return []
    off = np.flatnonzero(np.abs(left - np.median(left)) > _RATIO_SPREAD).tolist()
    message = (
        f"Stated compute over 6 N D goes from {np.exp(log_ratio.min()):.2f} to {np.exp(log_ratio.max()):.2f} from row "
        "to row, not with size: some sizes seem to count embeddings or experts that others leave out. Recount them "
        "from the shapes; the convention alone moves the exponent of the best size by more than .1."
    )
    return [DataWarning(DataReason.SIZE_CONVENTIONS_MIXED, message, _places(table, off))]


def unusual_rows(
    table: RawTable, size: Float[Array, " row"], tokens: Float[Array, " row"], loss: Float[Array, " row"]
) -> list[DataWarning]:
    """Warnings about rows whose tokens per parameter or loss lie outside what is ever published."""
    low, high = _USUAL_TOKENS_PER_PARAMETER
    ratio = tokens / size
    found = []
    odd: list[int] = np.flatnonzero((ratio < low) | (ratio > high)).tolist()
    if odd:
        message = (
            f"{len(odd)} rows have fewer than {low:g} or more than {high:g} tokens per parameter; check the units."
        )
        found.append(DataWarning(DataReason.TOKENS_PER_PARAMETER_UNUSUAL, message, _places(table, odd)))
    odd = np.flatnonzero(loss > _LARGEST_VOCABULARY_LOSS).tolist()
    if odd:
        message = (
            f"{len(odd)} rows have a loss above {_LARGEST_VOCABULARY_LOSS:.1f} nats per token, more than guessing "
            "among a million tokens gives; a perplexity needs its logarithm taken."
        )
        found.append(DataWarning(DataReason.LOSS_IMPLAUSIBLE, message, _places(table, odd)))
    return found


def one_size_per_run(
    table: RawTable, run: Sequence[str], size: Float[Array, " row"], violations: list[Violation]
) -> None:
    """Add every run whose rows have several sizes: its label does not name a run."""
    first: dict[str, int] = {}
    told: set[str] = set()
    for index, label in enumerate(run):
        start = first.setdefault(label, index)
        if size[index] != size[start] and label not in told and np.isfinite(size[[index, start]]).all():
            told.add(label)
            description = (
                f"run {label!r} has size {format_count(size[start])} in {table.place_word} {table.places[start]} and "
                f"{format_count(size[index])} here; a run has one size: map run to the column that tells runs apart"
            )
            violations.append(Violation(f"{table.place_word} {table.places[index]}", description))


def repeated_rows(
    table: RawTable, keys: Sequence[tuple[Any, ...]], values: Float[Array, " row"], violations: list[Violation]
) -> tuple[Array, list[DataWarning]]:
    """Mask of rows to keep: of identical rows the first. Equal keys with other values are added to `violations`."""
    first: dict[tuple[Any, ...], int] = {}
    keep = np.ones(len(keys), dtype=bool)
    for index, key in enumerate(keys):
        start = first.setdefault(key, index)
        if start == index:
            continue
        if values[index] == values[start]:
            keep[index] = False
        elif np.isfinite(values[[index, start]]).all():
            description = (
                f"{values[index]:g} given, but {table.place_word} {table.places[start]} says {values[start]:g} for the "
                "same checkpoint; keep one, or give the runs different labels"
            )
            violations.append(Violation(f"{table.place_word} {table.places[index]}", description))
    dropped = np.flatnonzero(~keep).tolist()
    if not dropped:
        return keep, []
    message = f"{len(dropped)} rows repeat an earlier row exactly; each is counted once."
    return keep, [DataWarning(DataReason.DUPLICATE_ROWS, message, _places(table, dropped))]


def _places(table: RawTable, indices: Sequence[int]) -> tuple[int, ...]:
    return tuple(table.places[index] for index in indices)


def _unit_that_gives(ratio: float, *, divide: bool) -> tuple[str, float]:
    """The unit that brings tokens per parameter nearest to the usual ratio."""

    def distance(factor: float) -> float:
        scaled = ratio / factor if divide else ratio * factor
        return abs(math.log(scaled / _TYPICAL_TOKENS_PER_PARAMETER))

    return min(_UNITS, key=lambda unit: distance(unit[1]))


def _number(cell: Any) -> float | str:
    """A finite number, or why there is none."""
    if cell is None or (isinstance(cell, str) and cell.strip().lower() in _EMPTY):
        return "empty, a number needed"
    if isinstance(cell, bool):
        return f"{cell} given, a number needed"
    try:
        value = float(cell)
    except (TypeError, ValueError):
        try:
            value = parse_count(str(cell))
        except InvalidInput:
            return f"{str(cell)[:40]!r} is no number (70B, 1.4T and 1e24 are understood)"
    if math.isnan(value):
        return "NaN given, a finite number needed"
    if math.isinf(value):
        return f"{value} given, a finite number needed"
    return value
