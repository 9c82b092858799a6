"""`scaling demo`: the whole product in small, and its forecast beside the measurement."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaling.cli._ladder import HeldOutLadder, ladder_without_its_largest_rung
from scaling.cli._options import Json
from scaling.cli._output import note, number_interval, progress_on_stderr, write_json, write_line, write_table
from scaling.cli._server_process import running_server
from scaling.units import format_count

if TYPE_CHECKING:
    from scaling.cli._questions import LossAnswer, SkillAnswer
    from scaling.client import Client

app = typer.Typer()

_NAME = "ladder-without-its-largest-rung"
_DRAWN = ("ng2", "sort", "bayes_em8", "parity")  # a threshold, a cliff, one made by its metric, one at chance


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", help="Folder for the figures.")] = Path("demo-output"),
    as_json: Json = False,
) -> None:
    """Fit our ladder without its largest rung, ask a server over gRPC what that rung will show, and compare.

    Example: scaling demo --output demo-output
    """
    from scaling.cli._questions import ask_about_loss, ask_about_skill
    from scaling.client import Client

    began = time.monotonic()
    ladder = ladder_without_its_largest_rung()
    note(
        f"The ladder has {len(set(ladder.losses.run))} runs of up to {format_count(ladder.losses.size.max())} "
        f"parameters. Its largest rung, {format_count(ladder.size)} parameters, is set aside."
    )
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scaling-demo-") as folder:
        data = Path(folder)
        with running_server(data, log=output / "server.log") as address, Client(address) as client:
            note(f"A server is up at {address}.")
            _fit(client, ladder)
            loss = ask_about_loss(client, _NAME, ladder)
            skills = [ask_about_skill(client, _NAME, task, ladder) for task in ladder.scores.tasks()]
        note("Asked; drawing the figures.")
        figures = _draw(data, ladder, output)
    seconds = time.monotonic() - began
    if as_json:
        answers = [asdict(skill) for skill in skills]
        write_json({"loss": asdict(loss), "skills": answers, "figures": figures, "seconds": seconds})
        return
    _print(ladder, loss, skills)
    write_line(f"Figures: {', '.join(figures)} in {output}. The whole took {seconds:.0f} s.")


def _fit(client: Client, ladder: HeldOutLadder) -> None:
    """Send the observations, and wait for the fit that the server makes of them."""
    from scaling.inference.progress import ProgressEvent

    client.create_dataset(
        _NAME, size_convention=ladder.losses.size_convention, validation_set=ladder.losses.validation_set
    )
    sent = client.append(_NAME, losses=ladder.losses, scores=ladder.scores)
    note(f"Sent {sent.revision.loss_row_count} losses and {sent.revision.score_row_count} scores.")
    began = time.monotonic()
    with progress_on_stderr() as report:
        made = client.wait_for_fit(
            client.create_fit(_NAME, _NAME),
            seconds=600.0,
            progress=lambda state: report(
                ProgressEvent(state.phase or "queued", state.done_count, state.total_count or 1, state.divergence_count)
            ),
        )
    note(
        f"Fitted {made.formula} and {len(made.fitted_tasks)} tasks in {time.monotonic() - began:.0f} s: "
        f"R-hat {made.diagnostics.max_r_hat:.4f}, data digest {made.data_digest[:12]}."
    )
    for finding in made.findings:
        note(f"Finding: {finding.message}")


def _print(ladder: HeldOutLadder, loss: LossAnswer, skills: list[SkillAnswer]) -> None:
    run = f"{format_count(ladder.size)} parameters on {format_count(ladder.tokens)} tokens"
    rows = [
        (run, number_interval(loss.forecast), f"{measured:.3f}", f"{error:+.2f} %", "yes" if inside else "NO")
        for measured, error, inside in zip(loss.measured, loss.errors_percent, loss.inside, strict=True)
    ]
    headers = ("largest rung, unseen", "forecast [90 % interval]", "measured", "median off by", "inside")
    write_table("Loss of the largest rung, nats per token", headers, rows)
    write_table(
        f"When each skill emerges on {format_count(ladder.tokens)} tokens a run, and what the largest rung shows",
        (
            "skill",
            "verdict",
            "onset, nats [90 %]",
            "size at onset [90 %]",
            "FLOPs for P = .8",
            "score forecast [90 %]",
            "measured",
            "inside",
        ),
        [skill.row() for skill in skills],
    )
    inside = sum(sum(skill.inside) for skill in skills)
    write_line(f"Scores inside their 90 % intervals: {inside} of {sum(len(skill.inside) for skill in skills)}.")
    unknown = [skill for skill in skills if skill.verdict == "not_identified_yet"]
    write_line("Not identified yet, so nothing is claimed:" if unknown else "Every skill has shown its onset.")
    for skill in unknown:
        write_line(f"  {skill.task}: {skill.statement}")


def _draw(data: Path, ladder: HeldOutLadder, output: Path) -> list[str]:
    """Draw the fit that the server stored; names of the figures."""
    import numpy as np

    from scaling.emergence import FixedTokens
    from scaling.figures import draw_emergence, draw_loss_law, draw_score_against_loss
    from scaling.store import read_fit

    (document,) = [path for path in data.rglob("fit.json") if path.is_file()]
    fit = read_fit(document.parent)
    draw_loss_law(fit, output / "loss-law.png", planned=(np.array([ladder.size]), np.array([ladder.tokens])))
    names = ["loss-law.png"]
    for wanted in _DRAWN:
        task = next(key for key in fit.scores if key.partition("/")[0] == wanted)
        slug = task.replace("/", "-")
        largest = ladder.largest_scores.for_task(task)
        draw_score_against_loss(fit, task, output / f"score-{slug}.png", observed=ladder.scores)
        draw_emergence(
            fit,
            task,
            FixedTokens(ladder.tokens),
            output / f"emergence-{slug}.png",
            measured={"size": largest.size, "score": largest.score},
        )
        names += [f"score-{slug}.png", f"emergence-{slug}.png"]
    return names
