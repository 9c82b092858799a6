"""Frozen classes of arrays that are the same under NumPy and under JAX.

A law is a class of coefficients; with a draw axis on each field the same object is the posterior. Classes are
registered with JAX as soon as JAX is there, and never import it themselves: the server's front and the client
evaluate laws without it.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Self, TypeAlias, TypeVar, dataclass_transform

import numpy as np
from array_api_compat import array_namespace as _array_namespace
from array_api_compat import is_jax_array

# An array of either namespace, or a scalar: type checkers cannot say more; shapes stand in the annotations.
Array: TypeAlias = Any

_Tree = TypeVar("_Tree", bound="AbstractTree")
_registered: set[type] = set()


def array_namespace(*values: Any) -> Any:
    """The module whose functions apply to these values: `jax.numpy` if any is a JAX array, else `numpy`."""
    jax_arrays = [value for value in values if is_jax_array(value)]
    return _array_namespace(*jax_arrays) if jax_arrays else np


def field_values(tree: Any) -> dict[str, Any]:
    """The fields of a pytree class by name, not copied."""
    return {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree)}


def _register_with_jax(cls: type) -> None:
    from jax import tree_util

    names = tuple(field.name for field in dataclasses.fields(cls))

    def unflatten(_: None, leaves: Any) -> Any:
        # Not cls(...): transformations pass placeholders that no check on values would let through.
        tree: Any = object.__new__(cls)
        for name, leaf in zip(names, leaves, strict=True):
            object.__setattr__(tree, name, leaf)
        return tree

    tree_util.register_pytree_with_keys(
        cls,
        lambda tree: ([(tree_util.GetAttrKey(name), getattr(tree, name)) for name in names], None),
        unflatten,
        lambda tree: ([getattr(tree, name) for name in names], None),
    )
    _registered.add(cls)


def _register_if_possible(cls: type) -> None:
    if cls not in _registered and "jax" in sys.modules:
        _register_with_jax(cls)


class AbstractTree:
    """Base of the pytree classes; `tree[index]` indexes every field, so `law[..., None].loss(n)` is draws by points."""

    def __post_init__(self) -> None:
        _register_if_possible(type(self))

    def __getitem__(self, index: Any) -> Self:
        return type(self)(**{name: _as_array(value)[index] for name, value in field_values(self).items()})


@dataclass_transform(kw_only_default=True, frozen_default=True)
def pytree(cls: type[_Tree]) -> type[_Tree]:
    """Make `cls` a frozen, keyword-only dataclass whose fields are arrays, and a JAX pytree once JAX is imported."""
    made: type[_Tree] = dataclasses.dataclass(frozen=True, kw_only=True, eq=False)(cls)
    _register_if_possible(made)
    return made


def _as_array(value: Any) -> Any:
    return value if hasattr(value, "dtype") else np.asarray(value, dtype=np.float64)
