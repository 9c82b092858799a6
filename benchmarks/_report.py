"""What every benchmark prints: a table, and the machine and versions that the figures belong to."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version

from rich.console import Console
from rich.table import Table


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console = Console(width=150)
    console.print(table)
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "numpyro", "numpy", "scipy"))
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}; {packages}"
    )
