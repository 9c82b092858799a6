"""What server and worker say to each other: JSON lines, jobs one way and events the other."""

from __future__ import annotations

from typing import Literal, final

from pydantic import BaseModel, ConfigDict


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


@final
class Job(_Message):
    """One fit to make. Rows are read from the database by the worker; files are handed over as folders.

    - `operation`, `attempt`: which try this is; events carry both.
    - `warm_start`: folder of the document to start from.
    - `output`: folder to write the document to; it does not exist yet.
    """

    kind: Literal["job"] = "job"
    operation: str
    attempt: int
    database: str
    dataset: str
    dataset_revision: int
    fit: str
    version: int
    law: str
    tasks: tuple[str, ...]
    settings: dict[str, float | int]
    warm_start: str | None
    output: str


@final
class Cancel(_Message):
    """Stop working at `operation`."""

    kind: Literal["cancel"] = "cancel"
    operation: str


@final
class Ready(_Message):
    """The worker takes jobs; `devices` are those it fits on."""

    kind: Literal["ready"] = "ready"
    devices: tuple[str, ...]


@final
class Alive(_Message):
    """The worker is at work, even where a step takes long."""

    kind: Literal["alive"] = "alive"


@final
class Progressed(_Message):
    """How far a fit has come; the fields are those of the library's `ProgressEvent`."""

    kind: Literal["progress"] = "progress"
    operation: str
    phase: str
    done: int
    total: int
    divergences: int = 0
    max_r_hat: float | None = None
    min_ess: float | None = None


@final
class Fitted(_Message):
    """The document lies in the job's output folder, every file synced."""

    kind: Literal["fitted"] = "fitted"
    operation: str
    attempt: int
    data_digest: str
    tasks: tuple[str, ...]
    findings: tuple[str, ...]


@final
class NotFitted(_Message):
    """The fit ended with an error: a serialised google.rpc.Status in base64."""

    kind: Literal["not_fitted"] = "not_fitted"
    operation: str
    attempt: int
    status: str


@final
class Event(BaseModel):
    """Any message of a worker."""

    event: Ready | Alive | Progressed | Fitted | NotFitted
