"""Bad input end to end: every fault of the rows is an error or a warning by name before any answer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scaling.errors import FitFailed
from tests.cli.conftest import ladder_rows
from tests.observations.test_noticed import curves, sound, two_levels

SOUND = sound(ratios=(10, 20, 40))


def table(runs, **columns) -> str:
    cells = {"run": runs.run, "size": runs.size, "tokens": runs.tokens, "loss": runs.loss, **columns}
    rows = zip(*cells.values(), strict=True)
    return "\n".join([",".join(cells), *(",".join(map(str, row)) for row in rows)]) + "\n"


def with_one_loss(factor: float) -> np.ndarray:
    loss = SOUND.loss.copy()
    loss[7] *= factor
    return loss


ONE_RATIO = sound(ratios=(20,))
WARNED = {
    "one loss x3": (table(SOUND, loss=with_one_loss(3.0)), "LOSS_OUTLYING"),
    "a perplexity": (table(SOUND, loss=np.where(np.arange(18) == 7, np.exp(SOUND.loss), SOUND.loss)), "LOSS_"),
    "duplicate rows": (table(SOUND) + table(SOUND).splitlines()[3] + "\n", "DUPLICATE_ROWS"),
    "all at one D/N": (table(ONE_RATIO), "COLLINEAR_DESIGN"),
    "three sizes": (table(SOUND.select(SOUND.size < 1e8)), "NARROW_RANGE"),
    "cooled with uncooled, stated": (
        table(SOUND, cooled=np.where(np.arange(18) % 3 == 0, "yes", "no")),
        "COOLED_WITH_UNCOOLED",
    ),
    "cooled with uncooled, not stated": (table(curves()), "COOLED_WITH_UNCOOLED"),
    "two tokenizers, not stated": (table(two_levels(gap=0.12, same_places=True)), "LOSS_LEVELS"),
    "early checkpoints": ("\n".join(ladder_rows()[0]), "EARLY_TRAINING"),
    "sizes counted in two ways": (
        table(
            SOUND,
            size=np.where(np.arange(18) % 3 == 0, 1.4, 1.0) * SOUND.size,
            compute=6 * SOUND.size * SOUND.tokens,
        ),
        "SIZE_CONVENTIONS_MIXED",
    ),
}
REFUSED = {
    "N in millions": (table(SOUND, size=SOUND.size / 1e6), "The sizes look to be in millions"),
    "D in billions": (table(SOUND, tokens=SOUND.tokens / 1e9), "The tokens look to be in billions"),
    "D of one row in billions": (
        table(SOUND, tokens=np.where(np.arange(18) == 4, 1e-9, 1.0) * SOUND.tokens),
        "line 6, column 'tokens'",
    ),
    "two tokenizers, stated": (table(SOUND, tokenizer=["gpt2", "llama"] * 9), "2 tokenizers (gpt2, llama)"),
    "two size conventions": (table(SOUND, size_convention=["total", "non_embedding"] * 9), "non_embedding, total"),
    "constant N": (table(SOUND, size=np.full(18, 1e8)), "such as 'power_tokens'"),
    "constant D": (table(SOUND, tokens=np.full(18, 1e10)), "such as 'power'"),
    "three rows": ("\n".join(table(SOUND).splitlines()[:4]), "3 rows were given"),
    "NaN": (table(SOUND, loss=np.where(np.arange(18) == 4, np.nan, SOUND.loss)), "line 6, column 'loss': NaN given"),
    "negative": (table(SOUND, loss=with_one_loss(-1.0)), "line 9, column 'loss': -"),
}


@pytest.fixture
def without_sampling(monkeypatch):
    """A fit that ends where the sampler would begin."""

    def fail(*_, **__):
        raise FitFailed("no sampling in this test")

    monkeypatch.setattr("scaling.inference.fit.fit", fail)


def test_sound_rows_bring_no_warning(scaling, tmp_path, without_sampling):
    (tmp_path / "runs.csv").write_text(table(SOUND))
    assert "Warning" not in scaling("fit", "runs.csv", "--name", "x").err


@pytest.mark.parametrize("case", WARNED)
def test_what_can_be_used_is_warned_about_by_name(scaling, tmp_path, without_sampling, case):
    text, reason = WARNED[case]
    (tmp_path / "runs.csv").write_text(text)
    outcome = scaling("fit", "runs.csv", "--name", "x")
    assert f"Warning: {reason}" in outcome.err
    assert outcome.code == 3


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_by_name(scaling, tmp_path, case):
    text, message = REFUSED[case]
    (tmp_path / "runs.csv").write_text(text)
    outcome = scaling("fit", "runs.csv", "--name", "x")
    assert outcome.code == 2
    assert message in outcome.err.replace("\n", " ")
    assert not (tmp_path / "scaling-fits").exists()


@pytest.mark.slow
def test_one_loss_three_times_too_high_is_flagged_and_hardly_moves_the_answer(scaling, tmp_path):
    answers = []
    runs = sound()
    wrong = runs.loss.copy()
    wrong[7] *= 3.0
    for name, loss in (("right", runs.loss), ("wrong", wrong)):
        (tmp_path / "runs.csv").write_text(table(runs, loss=loss))
        fitted = scaling("fit", "runs.csv", "--name", name, "--json")
        assert fitted.code == 0, fitted.err
        findings = [each["message"] for each in json.loads(fitted.out)["findings"]]
        assert any("LOSS_OUTLYING" in message for message in findings) == (name == "wrong")
        coefficients = json.loads(fitted.out)["coefficients"]
        a, alpha, b, beta = (coefficients[key][1] for key in ("a", "alpha", "b", "beta"))
        answers.append((alpha * a / (beta * b)) ** (1 / (alpha + beta)) * (1e21 / 6) ** (beta / (alpha + beta)))
    assert answers[1] == pytest.approx(answers[0], rel=0.1)
