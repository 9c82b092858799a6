"""`scaling serve` with stand-in workers, for tests that kill it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from scaling_server.app import serve
from scaling_server.config import ServerConfig
from tests.server.running import STAND_IN


def listening(address: str) -> None:
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    config = ServerConfig(port=0, data_dir=folder, cache_dir=folder / "programs")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, listening=listening, command=STAND_IN))
