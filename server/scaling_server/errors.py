"""Errors that only a server can make; they travel like the library's own, by the table in `status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from scaling.errors import InvalidInput, ScalingError, Violation


class RequestRefused(ScalingError):
    """Base of refusals that name the resource or the condition concerned."""

    def __init__(self, message: str, *, subject: str = "", metadata: Mapping[str, str] | None = None) -> None:
        self.subject = subject
        self.metadata = dict(metadata or {})
        super().__init__(message)


@final
class ResourceNotFound(RequestRefused):
    """No resource of that name."""

    reason = "NOT_FOUND"


@final
class ResourceExists(RequestRefused):
    """The name is taken."""

    reason = "ALREADY_EXISTS"


@final
class RequestIdReused(RequestRefused):
    """The request id answered another request."""

    reason = "REQUEST_ID_REUSED"


@final
class FitNotActive(RequestRefused):
    """The fit has no version that passed its gates yet."""

    reason = "FIT_NOT_ACTIVE"


@final
class DatasetInUse(RequestRefused):
    """A fit follows the dataset, or is being made from it."""

    reason = "DATASET_IN_USE"


@final
class ReadOnly(RequestRefused):
    """Reference fits come with the server and cannot be changed."""

    reason = "REFERENCE_READ_ONLY"


@final
class OperationNotDone(RequestRefused):
    """An operation that has not ended cannot be deleted."""

    reason = "OPERATION_NOT_DONE"


@final
class QueueFull(RequestRefused):
    """More fits wait than the limit allows."""

    reason = "QUEUE_FULL"


@final
class Draining(RequestRefused):
    """The server is going down and takes no more requests."""

    reason = "DRAINING"


@final
class WorkerLost(RequestRefused):
    """The process that was fitting died, twice."""

    reason = "WORKER_LOST"


@final
class FitTimeout(RequestRefused):
    """A fit took longer than the server allows."""

    reason = "FIT_TIMEOUT"


@final
class FitCancelled(RequestRefused):
    """Somebody cancelled the operation."""

    reason = "FIT_CANCELLED"


@final
class TaskLost(RequestRefused):
    """A refit could not fit a task that the version before it answers for."""

    reason = "TASK_LOST"


@final
class MethodUnknown(RequestRefused):
    """No such RPC here."""

    reason = "METHOD_UNKNOWN"


@final
class PageTokenMismatch(InvalidInput):
    """The page token was not made here, or for other arguments."""

    reason = "PAGE_TOKEN_MISMATCH"

    def __init__(self) -> None:
        super().__init__(
            "The page token does not belong to this request. Use next_page_token of the page before, with the same "
            "arguments, or start again without a token.",
            [Violation("page_token", "not made for these arguments")],
        )


@final
class OutOfMemory(RequestRefused):
    """A fit needed more memory than the worker may have."""

    reason = "OUT_OF_MEMORY"
