"""One server for all tests of this folder that leave it as they found it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from scaling.client import Client
from tests.server.running import Running, running


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def client(shared: Running) -> Iterator[Client]:
    with shared.client() as client:
        yield client


_numbers = itertools.count()


@pytest.fixture
def new_name() -> Callable[[], str]:
    return lambda: f"name-{next(_numbers)}"
