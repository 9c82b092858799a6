"""What README and --help show is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.shell_blocks import code_blocks, scaling_commands

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# In the order in which a reader meets them: the first makes the fit that the others ask.
COMMANDS = (
    "fit",
    "predict",
    "emerge",
    "plan",
    "backtest",
    "compare",
    "frontier",
    "import",
    "fits list",
    "fits show",
    "fits build",
    "cite",
)
ELSEWHERE = {
    "curve",
    "demo",
    "serve",
    "pretrain",
    "datasets",
}  # tests/cli/test_curve.py, tests/cli/test_demo.py, tests/server, tests/pretrain


def example_of(help_text: str) -> list[str]:
    """The words of the one example in a help text; rich wraps lines, so that they are joined again."""
    joined = re.sub(r"\s*\n\s*", " ", re.sub(r"[│╭╮╰╯─]+", "\n\n", help_text).replace("\n\n", " \0 "))
    found = re.findall(r"Example: scaling ([^\0]*?)\s*(?:\0|$)", joined)
    assert len(found) == 1, help_text
    return found[0].split()


def test_every_command_is_in_the_tests_of_its_example():
    from scaling.cli._commands import command

    group = command()
    assert {"datasets", *group.list_commands(None)} == {name.split()[0] for name in COMMANDS} | ELSEWHERE


@pytest.mark.slow
def test_the_example_of_every_help_text_runs(scaling, ladder, monkeypatch):
    store = ladder / "reference"
    (store / "hoffmann-2022-approach-3").mkdir(parents=True)
    recipe = "fits/scaling_fits/hoffmann-2022-approach-3/recipe.toml"
    (store / "hoffmann-2022-approach-3" / "recipe.toml").write_bytes((ROOT / recipe).read_bytes())
    for name in COMMANDS:
        example = example_of(scaling(*name.split(), "--help").out)
        assert example[: len(name.split())] == name.split()
        if name == "fits build":  # the reference fits of this checkout are not to be written
            monkeypatch.chdir(store)
        outcome = scaling(*example)
        assert outcome.code == 0, (example, outcome.err)
        assert outcome.out.strip()


@pytest.mark.slow
def test_every_block_of_the_readme_runs(scaling, ladder, capsys):
    commands = [words for block in code_blocks(README, "sh") for words in scaling_commands(block)]
    assert len(commands) > 5
    for words in commands:
        outcome = scaling(*words)
        assert outcome.code == 0, (words, outcome.err)
    (program,) = code_blocks(README, "python")
    exec(compile(program, "README.md", "exec"), {})
    assert "onset" in capsys.readouterr().out


def test_the_probe_finds_commands_with_their_quotes():
    text = 'scaling fit runs.csv --columns "size=a b" # why\nmake demo\n'
    assert scaling_commands(text) == [["fit", "runs.csv", "--columns", "size=a b"]]


def test_a_fit_that_cannot_be_read_does_not_hide_the_others(scaling, tmp_path):
    old = tmp_path / "scaling-fits" / "old"
    old.mkdir(parents=True)
    (old / "fit.json").write_text('{"schema_version": 1}')
    listed = scaling("fits", "list", "--store", str(tmp_path / "scaling-fits"))
    assert listed.code == 0
    assert "old is not listed" in listed.err
    assert "has schema 1" in listed.err
    assert "besiroglu-2024" in listed.out
