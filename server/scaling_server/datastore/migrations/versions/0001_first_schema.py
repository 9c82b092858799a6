"""The first schema.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("method", sa.String(128), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_requests"),
    )
    op.create_index("ix_requests_create_time", "requests", ["create_time"])
    _create_dataset_tables()
    _create_fit_tables()


def _create_dataset_tables() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("display_name", sa.String, nullable=False),
        sa.Column("size_convention", sa.String(32), nullable=False),
        sa.Column("validation_set", sa.String, nullable=False),
        sa.Column("latest_revision", sa.Integer, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
    )
    op.create_table(
        "dataset_revisions",
        sa.Column("dataset", sa.String(63), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content_digest", sa.String(64), nullable=False),
        sa.Column("loss_row_count", sa.Integer, nullable=False),
        sa.Column("score_row_count", sa.Integer, nullable=False),
        sa.Column("tasks", sa.JSON, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "revision", name="pk_dataset_revisions"),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name="fk_dataset_revisions_dataset", ondelete="CASCADE"),
    )
    checkpoint = [
        ("run", sa.String),
        ("size", sa.Float),
        ("tokens", sa.Float),
        ("loss", sa.Float),
    ]
    score = [
        ("task", sa.String),
        ("metric", sa.String),
        ("score", sa.Float),
        ("item_count", sa.Float),
        ("chance", sa.Float),
    ]
    for table, columns in (("loss_rows", checkpoint), ("score_rows", checkpoint + score)):
        op.create_table(
            table,
            sa.Column("dataset", sa.String(63), nullable=False),
            sa.Column("row", sa.Integer, nullable=False),
            *(sa.Column(name, kind, nullable=False) for name, kind in columns),
            sa.PrimaryKeyConstraint("dataset", "row", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(["dataset"], ["datasets.id"], name=f"fk_{table}_dataset", ondelete="CASCADE"),
        )


def _create_fit_tables() -> None:
    op.create_table(
        "fits",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("dataset", sa.String(63), nullable=False),
        sa.Column("pinned_revision", sa.Integer),
        sa.Column("follow_dataset", sa.Boolean, nullable=False),
        sa.Column("law", sa.String(63), nullable=False),
        sa.Column("tasks", sa.JSON, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("active_version", sa.Integer),
        sa.Column("latest_version", sa.Integer, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fits"),
    )
    op.create_index("ix_fits_dataset", "fits", ["dataset"])
    op.create_table(
        "fit_versions",
        sa.Column("fit", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("dataset_revision", sa.Integer, nullable=False),
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("operation", sa.String(32), nullable=False),
        sa.Column("artefact", sa.String(64)),
        sa.Column("error", sa.LargeBinary),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("end_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("fit", "version", name="pk_fit_versions"),
        sa.ForeignKeyConstraint(["fit"], ["fits.id"], name="fk_fit_versions_fit", ondelete="CASCADE"),
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("fit", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("dataset", sa.String(63), nullable=False),
        sa.Column("dataset_revision", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("lost_workers", sa.Integer, nullable=False),
        sa.Column("warm_start", sa.Integer),
        sa.Column("error", sa.LargeBinary),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("start_time", sa.BigInteger),
        sa.Column("end_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
    )
    op.create_index("ix_operations_state_create_time", "operations", ["state", "create_time"])
