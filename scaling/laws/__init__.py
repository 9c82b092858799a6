"""Laws: loss as a function of size and tokens, one law a file.

Every function runs under NumPy and under JAX alike: it takes the namespace of its arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from scaling._registry import discover, lookup
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.laws._given import GivenLaw
from scaling.laws._law import AbstractLaw, Reference
from scaling.laws._separable import AbstractSeparableLaw

DEFAULT_LAW = "skaling"  # flexible enough that the form is seldom what fails


def law_classes() -> Mapping[str, type[AbstractLaw]]:
    """Every known law by name: those of this package and those installed as entry points `scaling.laws`."""
    return cast("Mapping[str, type[AbstractLaw]]", discover("scaling.laws", "LAW"))


def law_class(name: str) -> type[AbstractLaw]:
    """The law called `name`; raises `NotFound` with the names there are."""
    return cast("type[AbstractLaw]", lookup("scaling.laws", "LAW", name))


__all__ = [
    "DEFAULT_LAW",
    "AbstractLaw",
    "AbstractSeparableLaw",
    "Citation",
    "CoefficientSpec",
    "GivenLaw",
    "Reference",
    "law_class",
    "law_classes",
]
