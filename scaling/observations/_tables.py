"""Tables as files hold them: headers and raw cells, each row with the line it stands on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from scaling.errors import InvalidInput, InvalidObservations, NotFound, Violation

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".jsonl")


@final
@dataclass(frozen=True)
class RawTable:
    """Cells as read, by column; `places` gives each row's line in the file, or its row number.

    - `name`: what the table is called in messages.
    - `place_word`: `line` for text files, `row` otherwise.
    """

    name: str
    headers: tuple[str, ...]
    columns: Mapping[str, list[Any]]
    places: tuple[int, ...]
    place_word: str = "row"

    def __len__(self) -> int:
        return len(self.places)

    def where(self, index: int, header: str) -> str:
        """`line 7, column 'loss'`."""
        return f"{self.place_word} {self.places[index]}, column {header!r}"

    def take(self, rows: Sequence[int]) -> RawTable:
        """The table with these rows alone; each keeps its place."""
        columns = {header: [cells[index] for index in rows] for header, cells in self.columns.items()}
        places = tuple(self.places[index] for index in rows)
        return RawTable(self.name, self.headers, columns, places, self.place_word)


def table_from_file(path: Path | str) -> RawTable:
    """Read a file by its suffix; raises `NotFound`, or `InvalidObservations` saying why it cannot be read."""
    path = Path(path)
    if not path.exists():
        raise NotFound(f"There is no file {str(path)!r}. Give the path of a file ending in {', '.join(SUFFIXES)}.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES or not path.is_file():
        raise InvalidInput(f"{str(path)!r} is no table: a file ending in {', '.join(SUFFIXES)} is needed.")
    if suffix == ".parquet":
        return _from_parquet(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidObservations(
            f"{str(path)!r} is no UTF-8 text (byte {error.start}). Save it as UTF-8, or as Parquet."
        ) from error
    except PermissionError as error:
        raise InvalidInput(f"{str(path)!r} may not be read: permission denied.") from error
    return table_from_text(text, name=path.name, tabs=suffix == ".tsv")


def table_from_text(text: str, *, name: str, tabs: bool = False) -> RawTable:
    """Read CSV, TSV, a JSON list of objects or JSON lines, told apart by the first character."""
    start = text.lstrip()[:1]
    if not start:
        raise InvalidObservations(f"{name!r} is empty. A header line and one row per observation are needed.")
    if start == "[":
        return _from_json(text, name)
    if start == "{":
        return _from_json_lines(text, name)
    return _from_csv(text, name, delimiter="\t" if tabs else ",")


def table_from_rows(rows: Iterable[Mapping[str, Any]], *, name: str = "rows", first: int = 1) -> RawTable:
    """A table of mappings from header to cell; rows are counted from `first`."""
    listed = list(rows)
    headers = tuple(dict.fromkeys(header for row in listed for header in row))
    columns = {header: [row.get(header) for row in listed] for header in headers}
    return RawTable(name, headers, columns, tuple(range(first, first + len(listed))))


def table_from_frame(frame: pd.DataFrame) -> RawTable:
    """A pandas frame; rows are counted from 1."""
    headers = tuple(str(header) for header in frame.columns)
    columns = {header: frame.iloc[:, index].tolist() for index, header in enumerate(headers)}
    return RawTable("frame", headers, columns, tuple(range(1, len(frame) + 1)))


def _from_csv(text: str, name: str, *, delimiter: str) -> RawTable:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise InvalidObservations(
            f"{name!r} is no CSV.", [Violation(f"line {reader.line_num}", f"{error}; the file may be truncated")]
        ) from error
    headers = [header.strip() for header in rows[0]]
    _refuse_repeated(headers, name)
    ragged = [
        Violation(f"line {line}", f"{len(row)} cells, but the header has {len(headers)}")
        for row, line in zip(rows[1:], lines[1:], strict=True)
        if len(row) != len(headers)
    ]
    if ragged:
        raise InvalidObservations(f"{name!r} has rows that do not fit its header.", ragged)
    columns = {header: [row[index].strip() for row in rows[1:]] for index, header in enumerate(headers)}
    return RawTable(name, tuple(headers), columns, tuple(lines[1:]), "line")


def _from_json(text: str, name: str) -> RawTable:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidObservations(
            f"{name!r} is no JSON.", [Violation(f"line {error.lineno}", f"{error.msg}; the file may be truncated")]
        ) from error
    if not all(isinstance(row, dict) for row in rows):
        raise InvalidObservations(f"{name!r} is no list of objects such as [{{'size': 1e8, 'loss': 3.1}}].")
    return table_from_rows(rows, name=name)


def _from_json_lines(text: str, name: str) -> RawTable:
    rows, lines, violations = [], [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                violations.append(Violation(f"line {number}", f"no JSON object: {error.msg}"))
                continue
            rows.append(row)
            lines.append(number)
    if violations or not all(isinstance(row, dict) for row in rows):
        raise InvalidObservations(f"{name!r} is no file of JSON objects, one a line.", violations)
    table = table_from_rows(rows, name=name)
    return RawTable(name, table.headers, table.columns, tuple(lines), "line")


def _from_parquet(path: Path) -> RawTable:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path).read()
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        raise InvalidObservations(
            f"{str(path)!r} cannot be read as Parquet ({path.stat().st_size} bytes): "
            "it is truncated or no Parquet file. Write or download it again."
        ) from error
    headers = tuple(table.column_names)
    _refuse_repeated(headers, path.name)
    columns = {header: table.column(header).to_pylist() for header in headers}
    return RawTable(path.name, headers, columns, tuple(range(1, table.num_rows + 1)))


def _refuse_repeated(headers: Sequence[str], name: str) -> None:
    repeated = sorted({header for header in headers if headers.count(header) > 1})
    if repeated:
        raise InvalidObservations(
            f"{name!r} has several columns of one name.",
            [Violation(f"column {header!r}", f"{headers.count(header)} times; rename them") for header in repeated],
        )
