"""Files that are either the old or the new version, whenever the process dies."""

import json
import os
from pathlib import Path
from typing import Any

from scaling.errors import CorruptStore, StoreUnavailable


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` by a file with this text, on disk before it takes the name. Raises `StoreUnavailable`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StoreUnavailable(f"{path} cannot be written: {error}. Free or unlock the place and run again.") from error


def write_json(path: Path, document: Any) -> None:
    """Replace `path` by this document; floats keep all their bits."""
    write_atomically(path, json.dumps(document, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """The document in `path`. Raises `CorruptStore` where it is no JSON, FileNotFoundError where it is missing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CorruptStore(f"{path} is damaged ({error}). Delete it and run again.") from error
