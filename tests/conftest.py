"""Shared settings of the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("scaling", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("scaling")


@pytest.fixture(scope="session")
def measured_runs() -> Path:
    """Folder of published measurements (setting SCALING_DATA); skips where it is absent."""
    root = Path(os.environ.get("SCALING_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no measured runs at {root}: set SCALING_DATA to their folder")
    return root
