"""`scaling datasets` against a server: every example of its help, in the order in which one needs them."""

from __future__ import annotations

import json

import pytest

from scaling.cli import main
from scaling.cli._commands import command
from tests.cli.test_documents import example_of
from tests.server.rows import ladder

IN_ORDER = ("create", "append", "show", "list", "fit", "delete")


@pytest.fixture
def run(shared, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCALING_SERVER", shared.address)
    losses, scores = ladder()
    frame = losses.to_frame().assign(size_convention="non_embedding")
    frame.to_csv("runs.csv", index=False)
    scores.to_frame().assign(size_convention="non_embedding").to_csv("scores.csv", index=False)

    def run(*words):
        capsys.readouterr()
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_the_examples_of_every_help_text_run(run, client):
    there = command().get_command(None, "datasets").list_commands(None)
    assert set(there) == set(IN_ORDER)
    client.create_dataset("unused")
    for name in IN_ORDER:
        _, text, _ = run("datasets", name, "--help")
        example = example_of(text)
        assert example[:2] == ["datasets", name]
        code, _, told = run(*example)
        assert code == 0, (example, told)
    assert client.get_fit("ladder-fit").follow_dataset


def test_appended_scores_refit_what_follows(run, client):
    client.create_dataset("cli", size_convention=ladder()[0].size_convention)
    code, out, told = run("datasets", "append", "cli", "--losses", "runs.csv", "--json")
    assert code == 2, out  # the file states another convention than the dataset
    assert "non_embedding" in told or "size_convention" in told

    run("datasets", "create", "cli-2", "--size-convention", "non_embedding")
    run("datasets", "append", "cli-2", "--losses", "runs.csv")
    assert run("datasets", "fit", "cli-2", "--name", "cli-fit", "--follow")[0] == 0
    code, out, told = run("datasets", "append", "cli-2", "--scores", "scores.csv", "--wait", "--json")
    assert code == 0, told
    assert len(json.loads(out)["refits"]) == 1
    assert client.get_fit("cli-fit").version == "fits/cli-fit/versions/2"


def test_what_a_server_refuses_has_an_exit_code_and_one_line(run):
    code, out, told = run("datasets", "show", "nobody")
    assert (code, out) == (2, "")
    assert told == "Error: There is no datasets/nobody.\n"
    code, _, told = run("datasets", "list", "--server", "127.0.0.1:1")
    assert code == 5
    assert "Is it running" in told
