"""Write docs/forecasts.md: how forecasts of runs nobody had fitted turned out, on published runs.

    python -m benchmarks.forecasts             # every section: about 20 minutes on 2 cores
    python -m benchmarks.forecasts splits      # one section; the others stay as they are

Needs the published runs (setting SCALING_DATA, see `benchmarks/_measured.py`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import annealed_curves, extrapolation, isoflop_exponents, pooling, vision_curves
from benchmarks._report import ReportTable, machine

PAGE = Path(__file__).parents[1] / "docs" / "forecasts.md"
SECTIONS: Mapping[str, Callable[[], list[ReportTable]]] = {
    "splits": extrapolation.tables,
    "variants": extrapolation.variants,
    "pooling": pooling.tables,
    "isoflop": isoflop_exponents.tables,
    "schedules": annealed_curves.tables,
    "vision": vision_curves.tables,
}


def replaced(page: str, section: str, content: str) -> str:
    """The page with what stands between the section's two marks replaced by `content`."""
    begin, end = (f"<!-- {mark}: {section} -->" for mark in ("begin", "end"))
    if begin not in page or end not in page:
        sys.exit(f"{PAGE} lacks the marks {begin} and {end}.")
    block = f"{begin}\n{content}\n{end}"
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, page, flags=re.DOTALL)


def main() -> None:
    asked = sys.argv[1:] or list(SECTIONS)
    unknown = [name for name in asked if name not in SECTIONS]
    if unknown:
        sys.exit(f"No section {', '.join(unknown)}; there are {', '.join(SECTIONS)}.")
    for name in asked:
        made = "\n".join(table.as_markdown() for table in SECTIONS[name]())
        page = PAGE.read_text(encoding="utf-8")  # only now: sections may be made side by side
        PAGE.write_text(replaced(page, name, f"{made}\n{machine()}"), encoding="utf-8")
        print(f"{PAGE.name}: {name} written")


if __name__ == "__main__":
    main()
