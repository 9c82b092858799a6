"""Fitted documents as folders named by the digest of their `fit.json`, which carries the digests of all other files."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import final

from scaling.errors import CorruptStore, StoreUnavailable
from scaling.posterior import Fit
from scaling.store import FitDocument, read_fit

_MANIFEST = "fit.json"


@final
@dataclass(frozen=True)
class Artefacts:
    """The folder of all fitted documents, `root/<digest>/`, and the place where workers write, `staging/`."""

    root: Path
    staging: Path

    def prepare(self) -> None:
        """Make the folders and forget what dead workers left behind; raises `StoreUnavailable`."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.staging, ignore_errors=True)
            self.staging.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"{self.root} cannot be written: {error.strerror}. Choose another folder."
            ) from error

    def adopt(self, folder: Path) -> str:
        """Move the document in `folder`, whose files are synced, to its digest's place and return the digest.

        Raises `StoreUnavailable` where it cannot be moved.
        """
        try:
            digest = hashlib.sha256((folder / _MANIFEST).read_bytes()).hexdigest()
            _sync(folder)
            if (self.root / digest).exists():  # the same bytes, from an attempt that was not acknowledged
                shutil.rmtree(folder)
            else:
                folder.rename(self.root / digest)
            _sync(self.root)
        except OSError as error:
            raise StoreUnavailable(
                f"The fit could not be stored: {error.strerror}. Free space and fit again."
            ) from error
        return digest

    def document(self, digest: str) -> FitDocument:
        """`fit.json` of the document named `digest`; raises `CorruptStore` where it is not what was stored."""
        manifest = self.root / digest / _MANIFEST
        try:
            content = manifest.read_bytes()
        except OSError as error:
            raise CorruptStore(f"{manifest} is missing or unreadable: {error.strerror}. Restore or refit.") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise CorruptStore(f"{manifest} is not what was stored: its SHA-256 differs. Restore it, or fit again.")
        return FitDocument.model_validate_json(content)

    def load(self, digest: str) -> Fit:
        """The fit named `digest`, every file verified; raises `CorruptStore` where one is not what was stored."""
        self.document(digest)
        return read_fit(self.root / digest)

    def folder(self, digest: str) -> Path:
        """Where the document named `digest` lies."""
        return self.root / digest

    def keep_only(self, digests: set[str]) -> int:
        """Remove documents that no version names any more; the number removed."""
        stale = [path for path in self.root.iterdir() if path.name not in digests]
        for path in stale:
            shutil.rmtree(path, ignore_errors=True)
        return len(stale)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
