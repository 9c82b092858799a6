"""Servers for tests: in a thread of this process, or as a process of their own that can be killed."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import uvloop

from scaling.client import Client
from scaling.store import reference_store, write_fit
from scaling_server.app import Server
from scaling_server.config import ServerConfig

ROOT = Path(__file__).parents[2]
STAND_IN = [sys.executable, str(Path(__file__).parent / "stand_in.py"), "--cache", "unused", "--niceness", "0"]


@cache
def stand_in_fit() -> None:
    """Write the fit that stand-in workers hand out: the reference fit `ladder-cpu` with one task."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    fit = reference_store().load("ladder-cpu").for_queries()
    write_fit(replace(fit, scores={"ng2": fit.scores["ng2"]}, sample_stats={}, observed={}), folder / "fit")
    os.environ["STAND_IN_FIT"] = str(folder / "fit")


@dataclass
class Running:
    server: Server
    address: str
    loop: asyncio.AbstractEventLoop

    def client(self, **settings: Any) -> Client:
        return Client(self.address, **settings)

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self.address)

    def await_(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)


@contextmanager
def running(data_dir: Path, *, command: Sequence[str] = STAND_IN, **settings: Any) -> Iterator[Running]:
    stand_in_fit()
    config = ServerConfig(**({"port": 0, "data_dir": data_dir, "cache_dir": data_dir / "programs"} | settings))
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[Server, int]:
        server = Server(config, command=command)
        return server, await server.start()

    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield Running(server, f"127.0.0.1:{port}", loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def process(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server as a process, with stand-in workers; its address. Killed at the end where it still lives."""
    stand_in_fit()
    program = Path(__file__).parent / "serve_stand_in.py"
    started = subprocess.Popen([sys.executable, str(program), str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    try:
        yield started, json.loads(started.stdout.readline())["address"]
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()
        started.stdout.close()
