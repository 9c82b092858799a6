"""The command line run in this process, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from scaling.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def scaling(tmp_path, monkeypatch, capsys) -> Run:
    """Run `scaling WORDS...` in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCALING_STORE", raising=False)

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


def ladder_rows(*, sizes=(1e6, 4e6, 1.6e7, 6.4e7), checkpoints=8, seed=3) -> tuple[list[str], list[str]]:
    """Lines of runs.csv and scores.csv of a ladder on Chinchilla's law; `sort` emerges at a loss of 3.4."""
    rng = np.random.default_rng(seed)
    runs = ["run,size,tokens,loss"]
    scores = ["run,size,tokens,loss,task,metric,score,item_count,chance"]
    for index, size in enumerate(sizes):
        effect = np.exp(0.004 * rng.standard_normal())
        for tokens in np.geomspace(5 * size, 80 * size, checkpoints):
            loss = (1.8 + 480 / size**0.35 + 2100 / tokens**0.37) * effect * np.exp(0.003 * rng.standard_normal())
            runs.append(f"r{index},{size:.0f},{tokens:.0f},{loss:.5f}")
            risen = 1.0 - np.exp(-1.2 * max(0.0, 3.4 - loss))
            for task, truth, chance in (("sort", 0.9 * risen, 0.0), ("parity", 0.5, 0.5)):
                score = rng.binomial(400, truth) / 400
                scores.append(f"r{index},{size:.0f},{tokens:.0f},{loss:.5f},{task},accuracy,{score},400,{chance}")
    return runs, scores


def isoflop_rows(*, seed=5) -> list[str]:
    """Lines of isoflop.csv: seven sizes at each of four budgets on Chinchilla's law (a = .37 / .72)."""
    rng = np.random.default_rng(seed)
    rows = ["size,tokens,loss"]
    for compute in (1e17, 3e17, 1e18, 3e18):
        best = 0.12 * (compute / 6.0) ** (0.37 / 0.72)
        for size in best * np.geomspace(0.25, 4.0, 7):
            tokens = compute / (6.0 * size)
            loss = 1.8 + 480 / size**0.35 + 2100 / tokens**0.37 + 0.003 * rng.standard_normal()
            rows.append(f"{size:.0f},{tokens:.0f},{loss:.5f}")
    return rows


@pytest.fixture
def ladder(tmp_path) -> Path:
    """runs.csv, scores.csv, isoflop.csv and history.csv in the folder where commands run."""
    runs, scores = ladder_rows()
    (tmp_path / "runs.csv").write_text("\n".join(runs) + "\n")
    (tmp_path / "scores.csv").write_text("\n".join(scores) + "\n")
    steps = "\n".join(f"{step},{3 + 50 / step},{1000 * step}" for step in range(100, 1001, 100))
    (tmp_path / "history.csv").write_text(f"_step,eval/loss,tokens\n{steps}\n")
    (tmp_path / "isoflop.csv").write_text("\n".join(isoflop_rows()) + "\n")
    return tmp_path
