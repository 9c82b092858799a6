"""Files of other tools: found in folders, read as JSON, faults named by file and line."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scaling.errors import InvalidObservations, NotFound, Violation


def files_of(paths: Sequence[Path | str], patterns: Sequence[str]) -> list[Path]:
    """The files named, and those of named folders that match one of `patterns`, each once.

    Raises `NotFound` for a path that is not there or a folder without such files.
    """
    found: list[Path] = []
    for given in map(Path, paths):
        if given.is_dir():
            inside = sorted({file for pattern in patterns for file in given.rglob(pattern) if file.is_file()})
            if not inside:
                raise NotFound(f"The folder {str(given)!r} holds no {' or '.join(patterns)}.")
            found += inside
        elif given.is_file():
            found.append(given)
        else:
            raise NotFound(f"There is no file or folder {str(given)!r}.")
    if not found:
        raise NotFound("No file was named. Give files, or folders that hold them.")
    return list(dict.fromkeys(found))


def json_object(path: Path) -> dict[str, Any]:
    """The one JSON object that `path` holds; raises `InvalidObservations` saying why there is none."""
    text = text_of(path)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidObservations(
            f"{path.name!r} is no JSON.",
            [Violation(f"{path}, line {error.lineno}", f"{error.msg}; the file may be truncated")],
        ) from error
    if not isinstance(document, dict):
        raise InvalidObservations(f"{str(path)!r} holds no JSON object, but a {type(document).__name__}.")
    return document


def text_of(path: Path) -> str:
    """The file's UTF-8 text; raises `InvalidObservations` for an empty file or other bytes."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidObservations(f"{str(path)!r} is no UTF-8 text (byte {error.start}).") from error
    if not text.strip():
        raise InvalidObservations(f"{str(path)!r} is empty.")
    return text


def number(cell: Any) -> float | None:
    """A logged value as a number; NaN and infinities, also as words, are numbers; None where it is none."""
    if cell is None or isinstance(cell, bool):
        return None
    if isinstance(cell, (int, float)):
        return float(cell)
    if isinstance(cell, str) and cell.strip():
        try:
            return float(cell)
        except ValueError:
            return None
    return None


def positive(cell: Any) -> float | None:
    """A finite number above zero, or None."""
    value = number(cell)
    return value if value is not None and math.isfinite(value) and value > 0 else None
