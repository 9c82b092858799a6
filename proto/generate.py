"""Generate `scaling/v1` with the oldest grpcio-tools that we support: `make proto`.

Its code runs with every newer protobuf runtime; that of a newer one would not run with an older.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

OLDEST_TOOLS = "grpcio-tools==1.74.0"
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Install the tools in a passing environment and run them over every proto."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", OLDEST_TOOLS], check=True)
        generate(python)


def generate(python: Path) -> None:
    """Write messages for every proto, and stubs for those with services."""
    protos = sorted(path.relative_to(ROOT) for path in (ROOT / "proto" / "scaling" / "v1").glob("*.proto"))
    services = [path for path in protos if path.stem.endswith("_service")]
    protoc = [python, "-m", "grpc_tools.protoc", "-I", "proto", "-I", "third_party"]
    subprocess.run([*protoc, "--python_out=.", "--pyi_out=.", *protos], check=True, cwd=ROOT)
    subprocess.run([*protoc, "--grpc_python_out=.", *services], check=True, cwd=ROOT)


if __name__ == "__main__":
    generate(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
