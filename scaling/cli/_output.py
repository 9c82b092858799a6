"""Results: a table for people or JSON for programs on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from scaling.units import format_count, format_flops

if TYPE_CHECKING:
    from scaling.inference.progress import Progress as Report
    from scaling.inference.progress import ProgressEvent


def write_json(document: Mapping[str, Any]) -> None:
    """One JSON object on stdout; infinities and NaN are the strings `Infinity`, `-Infinity` and `NaN`."""
    typer.echo(json.dumps(plain(document), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """`value` with arrays as lists, and numbers that JSON does not know as strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return [plain(item) for item in value]


def write_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; numbers to the right."""
    table = Table()
    for index, header in enumerate(headers):
        table.add_column(header, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # Wide enough for its content where nobody looks at a terminal: a pipe must not lose columns.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(title, style="bold", markup=False)
    console.print(table)


def write_line(text: str) -> None:
    """A sentence on stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """A message on stderr."""
    typer.echo(text, err=True)


def count_interval(quantiles: Sequence[float]) -> str:
    """`70B [52B, 101B]`: the middle quantile and the outer ones."""
    words = [format_count(float(value)) for value in quantiles]
    middle = words[len(words) // 2]
    return middle if words[0] == words[-1] == middle else f"{middle} [{words[0]}, {words[-1]}]"


def flops_interval(quantiles: Sequence[float]) -> str:
    """`1.54e24 [2.3e23, ∞]`."""
    words = [format_flops(float(value)) for value in quantiles]
    middle = words[len(words) // 2]
    return middle if words[0] == words[-1] == middle else f"{middle} [{words[0]}, {words[-1]}]"


def number_interval(quantiles: Sequence[float], *, digits: int = 3) -> str:
    """`2.013 [1.980, 2.051]`."""
    words = [f"{float(value):.{digits}f}" for value in quantiles]
    middle = words[len(words) // 2]
    return middle if words[0] == words[-1] == middle else f"{middle} [{words[0]}, {words[-1]}]"


def interval_name(levels: Sequence[float]) -> str:
    """`90 % interval`, as the outer levels say."""
    return f"{100 * (max(levels) - min(levels)):.3g} % interval"


@contextmanager
def progress_on_stderr() -> Iterator[Report]:
    """A progress bar for fits on stderr; silent where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(event: ProgressEvent) -> None:
            if event.phase not in tasks:
                tasks[event.phase] = bar.add_task(event.phase, total=event.total)
            words = event.phase
            if event.divergences:
                words += f" ({event.divergences} divergences)"
            bar.update(tasks[event.phase], completed=event.done, total=event.total, description=words)

        yield report


def keep_programs() -> None:
    """Keep compiled programs in the user's cache, where the server keeps its own: the next fit starts in seconds."""
    from platformdirs import user_cache_path

    from scaling.inference._numerics import keep_compiled_programs

    folder = user_cache_path("scaling") / "programs"
    try:
        keep_compiled_programs(folder)
    except OSError as error:
        note(f"Compiled programs cannot be kept in {folder} ({error.strerror}): every fit will compile them again.")
