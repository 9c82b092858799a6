"""Discovery: one new file adds one law, link or importer.

A module of the package that exports the named constant is found; so is a third party's entry point in the group
`scaling.<kind>`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from scaling.errors import NotFound


@cache
def discover(package: str, constant: str) -> Mapping[str, Any]:
    """Every `constant` exported by a module of `package` or by an entry point, by its `name`, sorted."""
    found: dict[str, Any] = {}
    parent = importlib.import_module(package)
    for module in pkgutil.iter_modules(parent.__path__):
        if not module.name.startswith("_"):
            entry = getattr(importlib.import_module(f"{package}.{module.name}"), constant, None)
            if entry is not None:
                found[entry.name] = entry
    for point in entry_points(group=package):
        entry = point.load()
        found[entry.name] = entry
    return MappingProxyType(dict(sorted(found.items())))


def lookup(package: str, constant: str, name: str) -> Any:
    """The entry called `name`; raises `NotFound` with the names there are."""
    entries = discover(package, constant)
    if name not in entries:
        kind = constant.lower()
        raise NotFound(f"No {kind} is called {name!r}. There are: {', '.join(entries)}.")
    return entries[name]
