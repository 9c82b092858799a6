"""`scaling fits`: the stored fits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaling.cli._backtest import write_backtest
from scaling.cli._fit_report import evidence_facts
from scaling.cli._options import FitName, Json, Store, fit_facts, open_fit, store_root
from scaling.cli._output import keep_programs, note, progress_on_stderr, write_json, write_line, write_table
from scaling.errors import CorruptStore, NotFound

app = typer.Typer(no_args_is_help=True, help="List, show and rebuild stored fits.")


@app.command("list")
def list_fits(store: Store = None, as_json: Json = False) -> None:
    """List your fits and those that come with the product.

    Example: scaling fits list
    """
    from scaling.store import FitStore, reference_store

    places = (("yours", FitStore(store_root(store))), ("reference", reference_store()))
    found = []
    for where, place in places:
        for name in place.names():
            try:
                found.append((where, place.document(name)))
            except CorruptStore as fault:  # one fit that cannot be read must not hide the others
                note(f"Warning: {name} is not listed: {fault}")
    if as_json:
        facts = [
            {"name": d.name, "where": where, "version": d.version, "law": d.law, "tasks": sorted(d.scores)}
            for where, d in found
        ]
        write_json({"fits": facts})
        return
    rows = [(d.name, where, d.law, str(d.size_convention), str(len(d.scores))) for where, d in found]
    write_table("Fits", ("name", "where", "law", "sizes count", "tasks"), rows)


@app.command()
def show(name: FitName, store: Store = None, as_json: Json = False) -> None:
    """Show what a fit holds: coefficients, data, diagnostics, tasks and findings.

    Example: scaling fits show hoffmann-2022-approach-3
    """
    import numpy as np

    fit = open_fit(name, store)
    coefficients = {key: np.quantile(value, (0.05, 0.5, 0.95)) for key, value in fit.loss.law.to_coefficients().items()}
    if as_json:
        write_json(
            {
                "fit": fit_facts(fit),
                "coefficients": coefficients,
                "diagnostics": fit.diagnostics.model_dump() if fit.diagnostics else None,
                "tasks": sorted(fit.scores),
                "findings": [finding.model_dump(mode="json") for finding in fit.findings],
                **evidence_facts(fit),
                "provenance": dict(fit.provenance),
            }
        )
        return
    # Five digits: rounding an exponent to two moves the recommended tokens per parameter from 59 to 93.
    rows = [(key, *(f"{float(value):.6g}" for value in values)) for key, values in coefficients.items()]
    write_table(f"{fit.name}: {fit.loss.law.formula}", ("coefficient", "5 %", "median", "95 %"), rows)
    for key, value in fit_facts(fit).items():
        write_line(f"{key}: {value}")
    if fit.backtest:
        write_backtest("Back-test: larger runs forecast from the smaller ones, by compute", fit.backtest)
    if fit.scores:
        write_line(f"tasks: {', '.join(sorted(fit.scores))}")
    for finding in fit.findings:
        note(f"Finding: {finding.message}")


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="Name of a fit with a recipe, or its folder.")],
    store: Store = None,
) -> None:
    """Make a fit again from its recipe.

    Example: scaling fits build hoffmann-2022-approach-3
    """
    from scaling.store import FitStore, reference_store
    from scaling.store.recipe import RECIPE, build

    places = (Path(name), FitStore(store_root(store)).root / name, reference_store().root / name)
    folder = next((place for place in places if (place / RECIPE).is_file()), None)
    if folder is None:
        raise NotFound(f"No fit {name!r} with a {RECIPE} is stored here. `scaling fits list` names the fits.")
    keep_programs()
    with progress_on_stderr() as progress:
        document = build(folder, progress=progress)
    write_line(f"Built {document.name} version {document.version} in {folder}.")
