"""`scaling serve`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from scaling.errors import InvalidInput, Violation
from scaling_server.config import DEFAULT_PORT, ServerConfig

_ENVIRONMENT = "SCALING_SERVER_"


def serve(
    *,
    host: Annotated[str, typer.Option(envvar=_ENVIRONMENT + "HOST", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar=_ENVIRONMENT + "PORT", help="Port; 0 takes a free one.")] = DEFAULT_PORT,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar=_ENVIRONMENT + "DATA_DIR", help="Database and fits.", show_default="XDG state home"),
    ] = None,
    workers: Annotated[int, typer.Option(envvar=_ENVIRONMENT + "WORKERS", help="Fits at a time.")] = 1,
    fit_seconds: Annotated[float, typer.Option(help="The longest a fit may take.")] = 3600.0,
    tls_certificate: Annotated[Path | None, typer.Option(help="Certificate of the server, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    tls_client_ca: Annotated[Path | None, typer.Option(help="Let in clients of this authority only, PEM.")] = None,
    clear_text_on_any_address: Annotated[
        bool, typer.Option("--clear-text-on-any-address", help="Serve without TLS where others can listen in.")
    ] = False,
    reflection: Annotated[bool, typer.Option(help="Tell clients the protos.")] = True,
    drain_seconds: Annotated[float, typer.Option(help="For calls in flight to finish after SIGTERM.")] = 30.0,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve fits over gRPC until SIGTERM; prints its address as one JSON line once it answers.

    Example: scaling serve --port 0 --data-dir ./server
    """
    from scaling_server.telemetry import set_up_logging

    given = {name: value for name, value in locals().items() if name in ServerConfig.model_fields and value is not None}
    try:
        config = ServerConfig.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(
            "The server will not start like this.",
            [Violation(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()],
        ) from error
    set_up_logging(log_level)
    _run(config)


def _run(config: ServerConfig) -> None:
    from scaling_server.app import serve as run

    def listening(address: str) -> None:
        sys.stdout.write(json.dumps({"address": address}) + "\n")
        sys.stdout.flush()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run(config, listening=listening))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop
