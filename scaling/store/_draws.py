"""Draws as netCDF in ArviZ's groups, readable by ArviZ (0.23 and 1.x) and xarray without our code.

Written through h5netcdf itself: neither xarray nor pandas is imported to answer a query.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5netcdf
import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.errors import CorruptStore

_SAMPLE_DIMENSIONS = ("chain", "draw")


class DrawsFile(NamedTuple):
    """What one file holds: groups of named arrays, and JSON attributes.

    - `posterior`, `sample_stats`: arrays [chain, draw, ...].
    - `observed_data`, `constant_data`: arrays [row].
    """

    groups: Mapping[str, Mapping[str, Float[Array, "..."]]]
    attributes: Mapping[str, Any]


def write_draws(path: Path, content: DrawsFile) -> None:
    """Write `content` to `path`."""
    with h5netcdf.File(path, "w") as file:
        file.attrs["arviz_attributes"] = json.dumps(dict(content.attributes), sort_keys=True)
        for name, arrays in content.groups.items():
            if arrays:
                group = file.create_group(name)
                sampled = name in ("posterior", "sample_stats")
                for variable, values in arrays.items():
                    _write_variable(group, variable, np.asarray(values), sampled=sampled)


def read_draws(path: Path) -> DrawsFile:
    """Read what `write_draws` wrote; raises `CorruptStore` where the file is not netCDF."""
    try:
        with h5netcdf.File(path, "r") as file:
            groups = {
                name: {
                    variable: np.asarray(group.variables[variable][...])
                    for variable in group.variables
                    if variable not in group.dimensions
                }
                for name, group in file.groups.items()
            }
            return DrawsFile(groups, json.loads(file.attrs["arviz_attributes"]))
    except (OSError, KeyError, ValueError) as error:
        raise CorruptStore(f"{path} is no draws file of ours: {error}") from error


def _write_variable(group: Any, name: str, values: Any, *, sampled: bool) -> None:
    if values.dtype.kind in "US":
        values = values.astype(object)
    own = values.shape[2:] if sampled else values.shape
    own_names = [f"{name}_dim_{axis}" for axis in range(len(own))] if sampled or len(own) != 1 else ["row"]
    dimensions = (*(_SAMPLE_DIMENSIONS if sampled else ()), *own_names)
    for dimension, length in zip(dimensions, values.shape, strict=True):
        if dimension not in group.dimensions:
            group.dimensions[dimension] = length
            coordinate = group.create_variable(dimension, (dimension,), np.int64)
            coordinate[...] = np.arange(length)
    import h5py

    dtype = h5py.string_dtype() if values.dtype == object else values.dtype
    if dtype == np.bool_:
        values, dtype = values.astype(np.int8), np.dtype(np.int8)
    variable = group.create_variable(name, dimensions, dtype)
    variable[...] = values
