"""Resource names: `datasets/{dataset}`, `fits/{fit}/versions/{version}` and the like, read and written."""

from __future__ import annotations

import re
from typing import NamedTuple, final

from scaling.errors import InvalidInput, Violation

ID_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
NUMBER_PATTERN = r"[1-9][0-9]{0,8}"
_DATASET = re.compile(rf"datasets/({ID_PATTERN})(?:/revisions/({NUMBER_PATTERN}))?")
_FIT = re.compile(rf"fits/({ID_PATTERN})(?:/versions/({NUMBER_PATTERN}))?")
_OPERATION = re.compile(r"operations/([0-9a-f]{32})")


@final
class DatasetName(NamedTuple):
    """A dataset, or one revision of it."""

    dataset: str
    revision: int | None = None

    def __str__(self) -> str:
        return f"datasets/{self.dataset}" + (f"/revisions/{self.revision}" if self.revision else "")


@final
class FitName(NamedTuple):
    """A fit's alias, or one version of it."""

    fit: str
    version: int | None = None

    def __str__(self) -> str:
        return f"fits/{self.fit}" + (f"/versions/{self.version}" if self.version else "")


def dataset_name(text: str, *, field: str) -> DatasetName:
    """Read `datasets/x` or `datasets/x/revisions/3`; raises `InvalidInput` naming `field`."""
    found = _DATASET.fullmatch(text)
    if found is None:
        raise _malformed(text, field, "datasets/{dataset} or datasets/{dataset}/revisions/{revision}")
    return DatasetName(found[1], int(found[2]) if found[2] else None)


def fit_name(text: str, *, field: str) -> FitName:
    """Read `fits/x` or `fits/x/versions/3`; raises `InvalidInput` naming `field`."""
    found = _FIT.fullmatch(text)
    if found is None:
        raise _malformed(text, field, "fits/{fit} or fits/{fit}/versions/{version}")
    return FitName(found[1], int(found[2]) if found[2] else None)


def operation_id(text: str) -> str:
    """Read `operations/{operation}`; raises `InvalidInput`."""
    found = _OPERATION.fullmatch(text)
    if found is None:
        raise _malformed(text, "name", "operations/{operation}")
    return found[1]


def alias_only(text: str, *, field: str) -> str:
    """The fit of `fits/x`; raises `InvalidInput` where a version is named."""
    name = fit_name(text, field=field)
    if name.version is not None:
        raise _malformed(text, field, "fits/{fit}, no version")
    return name.fit


def dataset_only(text: str, *, field: str) -> str:
    """The dataset of `datasets/x`; raises `InvalidInput` where a revision is named."""
    name = dataset_name(text, field=field)
    if name.revision is not None:
        raise _malformed(text, field, "datasets/{dataset}, no revision")
    return name.dataset


def revision_only(text: str, *, field: str) -> DatasetName:
    """Read `datasets/x/revisions/3`; raises `InvalidInput` where no revision is named."""
    name = dataset_name(text, field=field)
    if name.revision is None:
        raise _malformed(text, field, "datasets/{dataset}/revisions/{revision}")
    return name


def _malformed(text: str, field: str, needed: str) -> InvalidInput:
    return InvalidInput("A resource name is malformed.", [Violation(field, f"{text[:100]!r} given, {needed} needed")])
