"""A folder of fits: the user's own, or the reference fits that come with the product."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import final

from scaling.errors import InvalidInput, NotFound, StoreUnavailable
from scaling.posterior import Fit
from scaling.store._document import DOCUMENT, FitDocument, read_document, read_fit, write_fit

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@final
@dataclass(frozen=True)
class FitStore:
    """Named fits under one folder, `root/<name>/fit.json`."""

    root: Path

    def names(self) -> tuple[str, ...]:
        """Names of the fits there are, sorted."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted(path.parent.name for path in self.root.glob(f"[!.]*/{DOCUMENT}")))

    def load(self, name: str) -> Fit:
        """The fit called `name`, verified; raises `NotFound` with the names there are."""
        return read_fit(self._folder(name))

    def document(self, name: str) -> FitDocument:
        """Its `fit.json`; raises `NotFound` with the names there are."""
        return read_document(self._folder(name))

    def save(self, fit: Fit, *, replace: bool = False) -> FitDocument:
        """Store `fit` under its name; raises `AlreadyExists` unless `replace`."""
        require_name(fit.name)
        return write_fit(fit, self.root / fit.name, replace=replace)

    def _folder(self, name: str) -> Path:
        if name not in self.names():
            raise NotFound(f"No fit is called {name!r} in {self.root}. There are: {', '.join(self.names()) or 'none'}.")
        return self.root / name


def reference_store() -> FitStore:
    """The fits that come with the product (package `scaling_fits`)."""
    spec = find_spec("scaling_fits")
    if spec is None or not spec.submodule_search_locations:
        raise StoreUnavailable("The package scaling_fits is not installed: there are no reference fits here.")
    return FitStore(Path(next(iter(spec.submodule_search_locations))))


def require_name(name: str) -> None:
    """Raise `InvalidInput` unless `name` can name a fit: it becomes a folder and a resource name."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a fit. Use 1 to 63 lower-case letters, digits and hyphens, "
            "with a letter or digit first and last."
        )
