"""Weights & Biases: a run's history as the API or the web page exports it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from scaling.errors import InvalidObservations, Violation
from scaling.importers._files import number
from scaling.importers._importer import AbstractImporter, LossSeries, RunLog
from scaling.observations._tables import RawTable, table_from_file

_STEPS = ("_step", "Step", "step", "global_step", "train/global_step", "trainer/global_step")
_TOKENS = (
    "throughput/total_tokens",
    "num_input_tokens_seen",
    "train/num_input_tokens_seen",
    "train/tokens",
    "train/total_tokens",
    "tokens_seen",
    "total_tokens",
    "tokens",
)
_BATCH = ("batch_size_in_tokens", "tokens_per_step", "tokens_per_batch")
_PEAK = ("learning_rate_peak", "peak_learning_rate", "max_lr")
_LABELS = ("run", "run_name", "name", "Name", "run_id")
_LOSS = re.compile(r"(?:.*[/_. -])?(?:ce_?|cross_?entropy_?|nll_?)?loss", re.IGNORECASE)
_NO_LOSS = re.compile(r"aux|z_?loss|balanc|router|loss_scale", re.IGNORECASE)
_LEARNING_RATE = re.compile(r"(?:.*[/_. -])?(?:learning_?rate|lr)(?:[-_/]?(?:group|pg)?_?\d+|-AdamW?)?", re.IGNORECASE)
_HELD_OUT = re.compile(
    r"(?:^|[/_. -])(?:eval\w*|val|valid|validation|test|dev|holdout|heldout)(?:$|[/_. -])", re.IGNORECASE
)
_TRAINED_ON = re.compile(r"(?:^|[/_. -])(?:train|training)(?:$|[/_. -])", re.IGNORECASE)


@final
class WandbImporter(AbstractImporter):
    """Reads CSV, Parquet or JSON lines of one run (`run.history()`, `run.scan_history()`), or a chart's CSV of several.

    A chart's CSV has a column `RUN - METRIC` for each run; its `__MIN` and `__MAX` are left out. A metric counts as
    held out or training by the words in its name; one whose name tells neither has to be asked for. Steps of W&B
    are steps of logging: where the optimiser's own are logged beside them, those are read.
    """

    name = "wandb"
    title = "history of Weights & Biases runs as exported (CSV, Parquet, JSON lines), or a chart's CSV"
    patterns = ("*.csv", "*.jsonl", "*.parquet")

    def logs(self, paths: Sequence[Path]) -> list[RunLog]:
        """One log a run: a file, or a chart's or label column's run."""
        return [log for path in paths for log in _logs(path)]


def _logs(path: Path) -> list[RunLog]:
    table = table_from_file(path)
    if not len(table):
        raise InvalidObservations(f"{str(path)!r} has a header and no rows.")
    chart = _chart_runs(table)
    if chart:
        return [_log(_renamed(table, columns), source=f"{path} ({run})", run=run) for run, columns in chart.items()]
    label = next((name for name in _LABELS if name in table.headers), None)
    if label is None:
        return [_log(table, source=str(path), run=path.stem)]
    labels = [str(cell) for cell in table.columns[label]]
    runs = list(dict.fromkeys(labels))
    rows = {run: [index for index, each in enumerate(labels) if each == run] for run in runs}
    return [
        _log(table.take(rows[run]), source=f"{path} ({run})" if len(runs) > 1 else str(path), run=run) for run in runs
    ]


def _chart_runs(table: RawTable) -> dict[str, dict[str, str]]:
    """Of a chart's CSV, for each run its columns by metric; empty for any other table."""
    runs: dict[str, dict[str, str]] = {}
    for header in table.headers:
        run, dash, metric = header.rpartition(" - ")
        if dash and not header.endswith(("__MIN", "__MAX")) and not metric.startswith("_"):
            runs.setdefault(run, {})[metric] = header
    steps = [header for header in table.headers if header in _STEPS]
    if not runs or len(steps) != 1:
        return {}
    return {run: {**columns, steps[0]: steps[0]} for run, columns in runs.items()}


def _renamed(table: RawTable, columns: Mapping[str, str]) -> RawTable:
    cells = {metric: table.columns[header] for metric, header in columns.items()}
    return RawTable(table.name, tuple(columns), cells, table.places, table.place_word)


def _log(table: RawTable, *, source: str, run: str) -> RunLog:
    series = _series(table)
    if not series:
        shown = ", ".join(table.headers[:12])
        raise InvalidObservations(
            f"{source} logs no loss.",
            [Violation(source, f"a column whose name ends in 'loss' is needed; it has {shown}")],
        )
    rates = [name for name in table.headers if _LEARNING_RATE.fullmatch(name) and name not in _PEAK]
    # The optimiser's own step, where W&B's counts calls of its log.
    steps = [name for name in _STEPS[::-1] if name in table.headers]
    batch = _first(table, _BATCH)
    peak = _first(table, _PEAK)
    tokens = next((name for name in _TOKENS if name in table.headers), None)
    return RunLog(
        source=source,
        run=run,
        series=series,
        step=_column(table, steps[0]) if steps else None,
        tokens=None if tokens is None else _column(table, tokens),
        tokens_per_step=batch,
        learning_rate=_column(table, rates[0]) if rates else None,
        peak_learning_rate=peak,
    )


def _series(table: RawTable) -> dict[str, LossSeries]:
    series = {}
    for name in table.headers:
        if not _LOSS.fullmatch(name) or _NO_LOSS.search(name):
            continue
        cells = [(row, number(cell)) for row, cell in enumerate(table.columns[name])]
        there = [(row, value) for row, value in cells if value is not None]
        if not there:
            continue
        held_out, trained_on = bool(_HELD_OUT.search(name)), bool(_TRAINED_ON.search(name))
        series[name] = LossSeries(
            training=trained_on if held_out != trained_on else None,
            validation_set="training batches" if trained_on and not held_out else _set_name(name),
            row=np.array([row for row, _ in there], dtype=int),
            loss=np.array([value for _, value in there], dtype=np.float64),
        )
    return series


def _set_name(metric: str) -> str:
    """`c4_en-validation` of `eval/c4_en-validation/CrossEntropyLoss`; the whole name where it has no such part."""
    parts = metric.split("/")
    return "/".join(parts[1:-1]) if len(parts) > 2 else metric


def _column(table: RawTable, name: str) -> Any:
    values = [number(cell) for cell in table.columns[name]]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _first(table: RawTable, names: Sequence[str]) -> float | None:
    """The value of the first of these columns that holds one and the same number all along."""
    for name in names:
        if name in table.headers:
            values = _column(table, name)
            values = np.unique(values[np.isfinite(values)])
            if len(values) == 1 and values[0] > 0:
                return float(values[0])
    return None


IMPORTER = WandbImporter()
