"""Opens the database, brings it to the newest schema, and runs transactions off the event loop."""

from __future__ import annotations

import asyncio
import fcntl
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar, final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.pool import QueuePool

from scaling.errors import CorruptStore, ScalingError, StoreUnavailable
from scaling_server.datastore.schema import settings

T = TypeVar("T")
_READERS = 2
_BUSY_MILLISECONDS = 5000
_MIGRATIONS = Path(__file__).parent / "migrations"


@final
class Database:
    """The database of one server: one writer at a time, readers beside it.

    An acknowledged change is on disk: SQLite in WAL mode with `synchronous=FULL`. What is written elsewhere (progress)
    stays in memory.
    """

    def __init__(self, file: Path) -> None:
        """Open `file`, created or migrated as needed; raises `StoreUnavailable`, also where another server has it."""
        self.file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{file.parent} cannot be made: {error.strerror}. Choose another folder.") from error
        self._lock = _locked(file.with_suffix(".lock"))
        self._writer_engine = _engine(file, writes=True)
        self._reader_engine = _engine(file, writes=False)
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        try:
            _guarded(lambda: migrate(self._writer_engine))
        except ScalingError:
            self.close()
            raise

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read transaction; raises `StoreUnavailable` or `CorruptStore`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._transact, work, False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a write transaction that is on disk when this returns; rolled back where `work` raises."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, self._transact, work, True)

    def _transact(self, work: Callable[[Connection], T], writes: bool) -> T:
        engine = self._writer_engine if writes else self._reader_engine

        def transaction() -> T:
            with engine.begin() as connection:
                return work(connection)

        return _guarded(transaction)

    def secret(self, name: str) -> bytes:
        """The random secret called `name`, made on first use."""

        def get_or_make(connection: Connection) -> bytes:
            value = connection.scalar(select(settings.c.value).where(settings.c.name == name))
            if value is None:
                value = secrets.token_bytes(32)
                connection.execute(insert(settings).values(name=name, value=value))
            return bytes(value)

        return self._transact(get_or_make, True)

    def close(self) -> None:
        """Finish what is running and close."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._writer_engine.dispose()
        self._reader_engine.dispose()
        self._lock.close()


def open_for_reading(file: Path) -> Engine:
    """An engine that only reads `file`, for workers: rows reach them without passing through the server."""
    return _engine(file, writes=False)


def migrate(engine: Engine, *, revision: str = "head") -> None:
    """Bring the schema to `revision`."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _engine(file: Path, *, writes: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{file}",
        poolclass=QueuePool,
        pool_size=1 if writes else _READERS,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": _BUSY_MILLISECONDS / 1000},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come too late
        pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"] if writes else ["query_only=ON"]
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _guarded(work: Callable[[], T]) -> T:
    """Run `work`; what the driver raises becomes an error of ours that says what to do."""
    try:
        return work()
    except DBAPIError as error:
        reason = str(error.orig)
        if isinstance(error, DatabaseError) and ("malformed" in reason or "not a database" in reason):
            raise CorruptStore(f"The database is damaged ({reason}). Restore it from a backup.") from error
        raise StoreUnavailable(f"The database cannot be used now: {reason}. Free space, or try again.") from error


def _locked(file: Path) -> IO[str]:
    try:
        lock = file.open("w", encoding="utf-8")
    except OSError as error:
        raise StoreUnavailable(f"{file} cannot be written: {error.strerror}. Choose another folder.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreUnavailable(f"Another server has {file.parent} open. Stop it, or choose another folder.") from error
    return lock
