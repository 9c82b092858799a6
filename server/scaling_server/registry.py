"""Fits as queries see them: names resolved and draws in memory, so that an answer needs neither disk nor database."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from google.rpc.status_pb2 import Status
from sqlalchemy import Connection, Row

from scaling.posterior import Fit
from scaling.store import FitDocument, FitStore
from scaling.v1 import fit_pb2
from scaling_server.datastore import fits
from scaling_server.datastore.artefacts import Artefacts
from scaling_server.datastore.database import Database
from scaling_server.errors import FitNotActive, ResourceNotFound
from scaling_server.names import DatasetName, FitName

_MOST_FITS_IN_MEMORY = 32


@final
class Staleness(NamedTuple):
    """Why the version that answers is not what its dataset now says."""

    reason: fit_pb2.StaleReason = fit_pb2.STALE_REASON_UNSPECIFIED
    message: str = ""


@final
@dataclass(frozen=True)
class ServedFit:
    """A fit that answers: its draws, thinned for queries, and what every answer says about it."""

    fit: Fit
    version: fit_pb2.FitVersion


@final
@dataclass(frozen=True)
class _Resolved:
    """What a name means now."""

    key: str
    version: fit_pb2.FitVersion


@final
class FitRegistry:
    """Resolves names and keeps the fits used last in memory.

    `reference` holds the fits that come with the product; they are never in the database.
    """

    def __init__(self, database: Database, artefacts: Artefacts, reference: FitStore) -> None:
        self._database, self._artefacts, self.reference = database, artefacts, reference
        self._reference_names = frozenset(reference.names())
        self._resolved: dict[FitName, _Resolved] = {}
        self._generation = 0
        self._loaded: OrderedDict[str, Fit] = OrderedDict()
        self._loading: dict[str, asyncio.Task[Fit]] = {}

    @property
    def reference_names(self) -> frozenset[str]:
        """Fits that nobody can change."""
        return self._reference_names

    def forget_names(self) -> None:
        """Something changed: look names up again."""
        self._generation += 1
        self._resolved.clear()

    async def served(self, name: FitName) -> ServedFit:
        """The fit that answers to `name`.

        Raises `ResourceNotFound`, `FitNotActive`, `CorruptStore`, `StoreUnavailable`.
        """
        resolved = self._resolved.get(name)
        if resolved is None:
            generation = self._generation
            resolved = await self._resolve(name)
            if generation == self._generation:  # else it may be old already
                self._resolved[name] = resolved
        return ServedFit(await self.load(resolved.key), resolved.version)

    async def load(self, key: str) -> Fit:
        """The fit of an artefact's digest, or of `reference:<name>`, from memory where it is there."""
        fit = self._loaded.get(key)
        if fit is not None:
            self._loaded.move_to_end(key)
            return fit
        if key not in self._loading:
            self._loading[key] = asyncio.create_task(self._load(key))
        return await asyncio.shield(self._loading[key])

    async def _load(self, key: str) -> Fit:
        try:
            name = key.removeprefix("reference:")
            load: Callable[[], Fit] = (
                (lambda: self.reference.load(name)) if name != key else (lambda: self._artefacts.load(key))
            )
            fit = (await asyncio.to_thread(load)).for_queries()
            self._loaded[key] = fit
            while len(self._loaded) > _MOST_FITS_IN_MEMORY:
                self._loaded.popitem(last=False)
            return fit
        finally:
            del self._loading[key]

    def document(self, artefact: str) -> FitDocument:
        """`fit.json` of an artefact. Reads the disk: call it off the event loop."""
        return self._artefacts.document(artefact)

    async def load_reference_fits(self) -> None:
        """Load every reference fit, so that no query waits for the disk."""
        for name in sorted(self._reference_names):
            await self.load(f"reference:{name}")

    async def _resolve(self, name: FitName) -> _Resolved:
        if name.fit in self._reference_names:
            if name.version not in (None, 1):
                raise ResourceNotFound(f"There is no {name}: a reference fit has one version.", subject=str(name))
            document = await asyncio.to_thread(self.reference.document, name.fit)
            version = fit_pb2.FitVersion(version=str(FitName(name.fit, 1)), data_digest=document.data_digest)
            return _Resolved(f"reference:{name.fit}", version)
        return await self._database.read(lambda connection: _resolve(connection, name))


def staleness(connection: Connection, fit: Row[Any]) -> Staleness:
    """Whether the version that answers for `fit` lags behind its dataset, and why."""
    if not fit.follow_dataset or fit.active_version is None or fit.latest_version == fit.active_version:
        return Staleness()
    newest = fits.get_version(connection, fit.id, fit.latest_version)
    revision = DatasetName(fit.dataset, newest.dataset_revision)
    match newest.state:
        case "CREATING":
            return Staleness(fit_pb2.STALE_REASON_REFIT_PENDING, f"A refit to {revision} is on its way.")
        case "CANCELLED":
            return Staleness(fit_pb2.STALE_REASON_REFIT_CANCELLED, f"The refit to {revision} was cancelled.")
        case _:
            why = Status.FromString(newest.error or b"").message
            return Staleness(fit_pb2.STALE_REASON_REFIT_FAILED, f"The refit to {revision} failed: {why}")


def _resolve(connection: Connection, name: FitName) -> _Resolved:
    fit = fits.get_fit(connection, name.fit)
    number = name.version or fit.active_version or fit.latest_version
    record = fits.get_version(connection, name.fit, number)
    if record.state != "ACTIVE":
        raise FitNotActive(_why_not_active(record), subject=str(name), metadata={"state": record.state})
    stale = staleness(connection, fit) if name.version is None else Staleness()
    return _Resolved(
        record.artefact,
        fit_pb2.FitVersion(
            version=str(FitName(name.fit, number)),
            data_digest=record.data_digest,
            dataset_revision=str(DatasetName(fit.dataset, record.dataset_revision)),
            stale_reason=stale.reason,
            stale_message=stale.message,
        ),
    )


def _why_not_active(record: Row[Any]) -> str:
    name = FitName(record.fit, record.version)
    match record.state:
        case "CREATING":
            return f"{name} is not fitted yet. Wait for operations/{record.operation}."
        case "CANCELLED":
            return f"{name} was cancelled before it was fitted. Create the fit again."
        case _:
            return f"{name} has failed: {Status.FromString(record.error or b'').message}"
