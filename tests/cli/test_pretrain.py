"""`scaling pretrain`: prices before it spends, and its TOML is its own input."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from scaling.cli.pretrain import app
from scaling.errors import InvalidInput
from scaling.pretrain.config import preset, read_sweep


def _run(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments, catch_exceptions=False).stdout


def test_plan_prices_every_run():
    document = json.loads(_run("plan", "--preset", "cpu", "--workers", "2", "--json"))
    assert len(document["runs"]) == len(preset("cpu").runs())
    assert document["cpu_seconds"] == pytest.approx(sum(run["cpu_seconds"] for run in document["runs"]))
    # 6 N D with the head's 112 x 128 and attention's 2 x 64 x 2 x 128 on top of N.
    largest = document["runs"][-1]
    size = largest["nonembedding_size"] - 5 * 128 + 112 * 128 + 2 * 64 * 2 * 128
    assert largest["training_flops"] == 6 * size * largest["token_count"]


def test_a_faster_core_costs_less_and_fewer_seeds_too():
    slow = json.loads(_run("plan", "--preset", "cpu", "--flops-per-second", "1e10", "--json"))
    fast = json.loads(_run("plan", "--preset", "cpu", "--flops-per-second", "1e11", "--json"))
    single = json.loads(_run("plan", "--preset", "cpu", "--flops-per-second", "1e11", "--seed", "0", "--json"))
    assert single["cpu_seconds"] < fast["cpu_seconds"] < slow["cpu_seconds"]
    assert fast["flops"] == slow["flops"]


@pytest.mark.parametrize("name", ["cpu", "cpu-mini"])
def test_the_toml_that_plan_writes_is_the_sweep(name, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(_run("plan", "--preset", name, "--write"))
    assert read_sweep(path) == preset(name)


@pytest.mark.parametrize("arguments", [["plan"], ["plan", "sweep.toml", "--preset", "cpu"]])
def test_one_sweep_must_be_named(arguments):
    with pytest.raises(InvalidInput, match="not both and not neither"):
        _run(*arguments)


def test_plan_needs_no_jax():
    code = (
        "import sys; from typer.testing import CliRunner; from scaling.cli.pretrain import app; "
        "assert CliRunner().invoke(app, ['plan', '--preset', 'cpu']).exit_code == 0; sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_the_mini_ladder_trains_and_larger_networks_do_better(tmp_path):
    document = json.loads(_run("run", "--preset", "cpu-mini", "--out", str(tmp_path / "ladder"), "--json"))
    assert document["runs"] == 5
    assert document["cpu_seconds"] < 120
    rows = [line.split(",") for line in (tmp_path / "ladder" / "losses.csv").read_text().splitlines()[1:]]
    last = {int(row[2]): float(row[8]) for row in rows if row[5] == "240" and row[7] == "language"}
    assert list(last) == [8, 12, 16, 24, 32]
    assert last[32] < last[16] < last[8]
