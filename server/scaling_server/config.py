"""How a server is to run, checked before anything starts."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import final

from platformdirs import user_cache_path, user_state_path
from pydantic import BaseModel, ConfigDict, Field

from scaling.errors import InvalidInput, Violation

DEFAULT_PORT = 50151


def default_data_dir() -> Path:
    """Where a server keeps its data unless told otherwise (XDG state home)."""
    return user_state_path("scaling") / "server"


def default_cache_dir() -> Path:
    """Where compiled programs are kept; the command line's fits use the same folder."""
    return user_cache_path("scaling") / "programs"


@final
class ServerConfig(BaseModel):
    """Settings of one server.

    - `host`, `port`: where it listens; port 0 takes a free one.
    - `data_dir`: database and fitted documents; one server at a time has it open.
    - `cache_dir`: compiled programs, shared between servers and lost without harm.
    - `workers`: fits at a time. `worker_niceness`: how far they stand back behind queries.
    - `fit_seconds`: the longest a fit may take.
    - `tls_certificate`, `tls_key`: PEM files of the server; `tls_client_ca`: whose clients are let in (mutual TLS).
    - `clear_text_on_any_address`: serve without TLS where others can listen in.
    - `reflection`: tell clients the protos.
    - `drain_seconds`: that RPCs in flight have to finish after SIGTERM.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    data_dir: Path = Field(default_factory=default_data_dir)
    cache_dir: Path = Field(default_factory=default_cache_dir)
    workers: int = Field(default=1, ge=1, le=64)
    worker_niceness: int = Field(default=10, ge=0, le=19)
    fit_seconds: float = Field(default=3600.0, gt=0)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    clear_text_on_any_address: bool = False
    reflection: bool = True
    drain_seconds: float = Field(default=30.0, ge=0)

    @property
    def has_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.tls_certificate is not None

    @property
    def address(self) -> str:
        """Host and port as gRPC takes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def require_safe(config: ServerConfig) -> None:
    """Raise `InvalidInput` where the server would be open in a way that nobody asked for."""
    violations = []
    if (config.tls_certificate is None) != (config.tls_key is None):
        violations.append(Violation("tls_key", "certificate and key are needed together"))
    if config.tls_client_ca is not None and not config.has_tls:
        violations.append(Violation("tls_client_ca", "clients can be checked under TLS only: give certificate and key"))
    for name in ("tls_certificate", "tls_key", "tls_client_ca"):
        path = getattr(config, name)
        if path is not None and not path.is_file():
            violations.append(Violation(name, f"there is no file {path}"))
    if not config.has_tls and not _is_loopback(config.host) and not config.clear_text_on_any_address:
        needed = "give tls_certificate and tls_key, or say clear_text_on_any_address"
        violations.append(Violation("host", f"others could listen in at {config.host}: {needed}"))
    if violations:
        raise InvalidInput("The server will not start like this.", violations)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
