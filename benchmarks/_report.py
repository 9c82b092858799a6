"""What every benchmark prints: a table, and the machine and versions that the figures belong to.

A benchmark whose figures stand on a page of docs/ offers `tables() -> list[ReportTable]`; its `main` prints them, and
the page is written from them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import final

from rich.console import Console
from rich.table import Table


@final
@dataclass(frozen=True)
class ReportTable:
    """A table for a terminal or a page; `notes` are sentences that belong under it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    notes: Sequence[str] = ()

    def as_markdown(self) -> str:
        """The table as a section of a Markdown page."""
        header = ("| " + " | ".join(self.columns) + " |", "|" + "---|" * len(self.columns))
        body = ("| " + " | ".join(str(cell) for cell in row) + " |" for row in self.rows)
        notes = ("", *self.notes) if self.notes else ()
        return "\n".join((f"## {self.title}", "", *header, *body, *notes, ""))


def print_tables(tables: Sequence[ReportTable]) -> None:
    """Print the tables with their notes, then the machine."""
    console = Console(width=150)
    for each in tables:
        table = Table(title=each.title)
        for column in each.columns:
            table.add_column(column)
        for row in each.rows:
            table.add_row(*(str(cell) for cell in row))
        console.print(table)
        for note in each.notes:
            console.print(note)
    console.print(machine())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table, then the machine."""
    print_tables([ReportTable(title, columns, rows)])


def machine() -> str:
    """The machine and the versions that figures belong to."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "numpyro", "numpy", "scipy"))
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}; {packages}"
    )
