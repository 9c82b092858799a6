"""The tables. Times are microseconds since 1970, states are the names of the protos' enum values without prefix."""

from __future__ import annotations

import time

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row a setting that must outlive the process, such as the secret that seals page tokens.
settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("display_name", String, nullable=False),
    Column("size_convention", String(32), nullable=False),
    Column("validation_set", String, nullable=False),
    Column("latest_revision", Integer, nullable=False),
    Column("create_time", BigInteger, nullable=False),
)

dataset_revisions = Table(
    "dataset_revisions",
    metadata,
    Column("dataset", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("content_digest", String(64), nullable=False),
    Column("loss_row_count", Integer, nullable=False),
    Column("score_row_count", Integer, nullable=False),
    Column("tasks", JSON, nullable=False),
    Column("create_time", BigInteger, nullable=False),
)

# `row` counts within the dataset: the rows of a revision are the first `loss_row_count` ones.
loss_rows = Table(
    "loss_rows",
    metadata,
    Column("dataset", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("run", String, nullable=False),
    Column("size", Float, nullable=False),
    Column("tokens", Float, nullable=False),
    Column("loss", Float, nullable=False),
)

score_rows = Table(
    "score_rows",
    metadata,
    Column("dataset", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("run", String, nullable=False),
    Column("size", Float, nullable=False),
    Column("tokens", Float, nullable=False),
    Column("loss", Float, nullable=False),
    Column("task", String, nullable=False),
    Column("metric", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("item_count", Float, nullable=False),
    Column("chance", Float, nullable=False),
)

# `active_version` is the alias. `pinned_revision` is set where one revision was asked for.
fits = Table(
    "fits",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("dataset", String(63), nullable=False, index=True),
    Column("pinned_revision", Integer),
    Column("follow_dataset", Boolean, nullable=False),
    Column("law", String(63), nullable=False),
    Column("tasks", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("active_version", Integer),
    Column("latest_version", Integer, nullable=False),
    Column("create_time", BigInteger, nullable=False),
)

# `artefact` is the digest that names the folder of the fitted document; `error` a serialised google.rpc.Status.
fit_versions = Table(
    "fit_versions",
    metadata,
    Column("fit", ForeignKey("fits.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("dataset_revision", Integer, nullable=False),
    Column("data_digest", String(64), nullable=False),
    Column("operation", String(32), nullable=False),
    Column("artefact", String(64)),
    Column("error", LargeBinary),
    Column("create_time", BigInteger, nullable=False),
    Column("end_time", BigInteger),
)

# `lost_workers` counts attempts whose worker died; `warm_start` is the version that the first attempt started from.
operations = Table(
    "operations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("fit", String(63), nullable=False),
    Column("version", Integer, nullable=False),
    Column("dataset", String(63), nullable=False),
    Column("dataset_revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lost_workers", Integer, nullable=False),
    Column("warm_start", Integer),
    Column("error", LargeBinary),
    Column("create_time", BigInteger, nullable=False),
    Column("start_time", BigInteger),
    Column("end_time", BigInteger),
    Index("ix_operations_state_create_time", "state", "create_time"),
)

# Answers given, by request id, so that a repeat gets the same one.
requests = Table(
    "requests",
    metadata,
    Column("request_id", String(36), primary_key=True),
    Column("method", String(128), nullable=False),
    Column("request_digest", String(64), nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("create_time", BigInteger, nullable=False, index=True),
)


def now_us() -> int:
    """The time as the tables keep it."""
    return time.time_ns() // 1000
