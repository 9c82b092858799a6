"""What a process loads: a query needs neither JAX nor pandas; the layers keep their contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUERY_PATH = (
    "scaling.laws",
    "scaling.links",
    "scaling.emergence",
    "scaling.observations",
    "scaling.posterior",
    "scaling.store",
    "scaling.predict.loss",
    "scaling.predict.score",
    "scaling.predict.emergence",
    "scaling.plan",
    "scaling.compute",
)
QUESTIONS = (
    "--help",
    "fit --help",
    "pretrain --help",
    "frontier --help",
    "import --help",
    "predict hoffmann-2022-approach-3 --size 70B --tokens 1.4T",
    "plan besiroglu-2024 --budget 1e24 --accelerator h100",
    "fits list",
    "cite",
)
HEAVY = ("jax", "jaxlib", "numpyro", "pandas", "matplotlib")


def loaded_after(code: str) -> set[str]:
    """Which heavy packages a fresh process has imported after `code`."""
    program = f"import sys\n{code}\nprint('\\nLOADED', *(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_the_probe_sees_what_is_imported():
    assert "pandas" in loaded_after("import pandas")


def test_the_query_path_needs_neither_jax_nor_pandas():
    assert loaded_after("\n".join(f"import {module}" for module in QUERY_PATH)) == set()


def test_commands_that_ask_start_without_jax():
    code = f"""
from scaling.cli import main
for words in {QUESTIONS!r}:
    try:
        main(words.split())
    except SystemExit as end:
        assert not end.code, words
"""
    assert loaded_after(code) == set()


def test_the_import_contract_holds():
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0
