"""The wheel holds all three packages and runs in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path, **kwargs) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False, **kwargs)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_packages_and_documents_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"scaling", "scaling_server", "scaling_fits"}
    assert "scaling/py.typed" in names
    assert "scaling_fits/besiroglu-2024/fit.json" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_wheel_runs_in_a_clean_environment(wheel, tmp_path):
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    lock = ROOT / f"requirements-{sys.version_info[0]}.{sys.version_info[1]}.lock"
    if not lock.is_file():
        pytest.skip(f"no lock for Python {sys.version_info[0]}.{sys.version_info[1]}")
    quiet = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    done = run(python, *quiet, "--require-hashes", "-r", lock, cwd=tmp_path)
    if done.returncode != 0:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip().splitlines()[-1:]}")
    assert run(python, *quiet, "--no-deps", wheel, cwd=tmp_path).returncode == 0
    words = ("predict", "hoffmann-2022-approach-3", "--size", "70B", "--tokens", "1.4T", "--json")
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = run(home / "bin" / "scaling", *words, cwd=tmp_path, env=clean)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)["loss"][0]["trend_loss_nats_per_token"][1]
    assert answer == pytest.approx(1.92085, abs=1e-5)
