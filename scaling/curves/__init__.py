"""Laws of whole loss curves under learning-rate schedules, one law a file.

A law of size and tokens answers for a finished run; a curve law answers for every step of a run whose rate changes on
the way. Every function runs under NumPy and under JAX alike: it takes the namespace of its arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from scaling._registry import discover, lookup
from scaling.curves._law import AbstractCurveLaw, CurveReference
from scaling.curves.nodes import CurveNodes, exact_nodes, nodes_at
from scaling.curves.schedule import Schedule


def curve_law_classes() -> Mapping[str, type[AbstractCurveLaw]]:
    """Every known curve law by name: those of this package and those installed as entry points `scaling.curves`."""
    return cast("Mapping[str, type[AbstractCurveLaw]]", discover("scaling.curves", "CURVE_LAW"))


def curve_law_class(name: str) -> type[AbstractCurveLaw]:
    """The curve law called `name`; raises `NotFound` with the names there are."""
    return cast("type[AbstractCurveLaw]", lookup("scaling.curves", "CURVE_LAW", name))


__all__ = [
    "AbstractCurveLaw",
    "CurveNodes",
    "CurveReference",
    "Schedule",
    "curve_law_class",
    "curve_law_classes",
    "exact_nodes",
    "nodes_at",
]
