"""A digest of what observations say, whatever file, row order or number format they came in."""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array


def content_digest(
    kind: str,
    stated: Mapping[str, str],
    *,
    run: Sequence[str],
    texts: Sequence[Sequence[str]] = (),
    numbers: Sequence[Float[Array, " row"]],
) -> str:
    """SHA-256 (hex) of the rows in sorted order, numbers as little-endian float64.

    Two tables that say the same have one digest: row order, extra columns and the way numbers are written do not
    count. The label of a run with a single row says nothing about the others, and does not count either.

    - `stated`: what holds for all rows (units, size convention, validation set).
    """
    occurrences = Counter(run)
    labels = [label if occurrences[label] > 1 else "" for label in run]
    values = np.stack([np.asarray(column, dtype="<f8") for column in numbers], axis=-1) + 0.0  # -0.0 is 0.0
    rows = sorted(
        zip(labels, *texts, map(tuple, values.tolist()), strict=True),
    )
    hashed = hashlib.sha256(json.dumps([kind, dict(stated)], sort_keys=True).encode())
    for *words, row in rows:
        hashed.update(json.dumps(words).encode())
        hashed.update(struct.pack(f"<{len(row)}d", *row))
    return hashed.hexdigest()
