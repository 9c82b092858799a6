"""Links: score as a function of loss, one link a file.

Every function runs under NumPy and under JAX alike: it takes the namespace of its arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from scaling._registry import discover, lookup
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.links._link import AbstractLink, LinkReference


def link_classes() -> Mapping[str, type[AbstractLink]]:
    """Every known link by name: those of this package and those installed as entry points `scaling.links`."""
    return cast("Mapping[str, type[AbstractLink]]", discover("scaling.links", "LINK"))


def link_class(name: str) -> type[AbstractLink]:
    """The link called `name`; raises `NotFound` with the names there are."""
    return cast("type[AbstractLink]", lookup("scaling.links", "LINK", name))


__all__ = ["AbstractLink", "Citation", "CoefficientSpec", "LinkReference", "link_class", "link_classes"]
