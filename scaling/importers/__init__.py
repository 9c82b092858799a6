"""Files other tools write, turned into observations: one source a file.

A module that exports `IMPORTER` is an importer, and so is an entry point in the group `scaling.importers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from scaling._registry import discover, lookup
from scaling.importers._assemble import observations_from
from scaling.importers._files import files_of
from scaling.importers._importer import AbstractImporter, ImportRequest, LossSeries, RunLog
from scaling.observations import LossObservations


def importers() -> Mapping[str, AbstractImporter]:
    """Every known importer by name."""
    return cast("Mapping[str, AbstractImporter]", discover("scaling.importers", "IMPORTER"))


def import_losses(
    source: str,
    paths: Sequence[Path | str],
    *,
    request: ImportRequest = ImportRequest(),  # noqa: B008 - frozen
) -> LossObservations:
    """The losses that the tool called `source` logged in these files, or in its files within these folders.

    Raises `NotFound` for an unknown source or path, `InvalidObservations` with all that the files do not say.
    """
    chosen = cast("AbstractImporter", lookup("scaling.importers", "IMPORTER", source))
    return observations_from(chosen.logs(files_of(paths, chosen.patterns)), request)


__all__ = [
    "AbstractImporter",
    "ImportRequest",
    "LossSeries",
    "RunLog",
    "import_losses",
    "importers",
]
