"""`scaling cite`: what to cite."""

from __future__ import annotations

from typing import Annotated

import typer

from scaling.cli._options import Json
from scaling.cli._output import write_json, write_line

app = typer.Typer()


@app.command()
def cite(
    names: Annotated[list[str] | None, typer.Argument(help="Laws, links or estimators; all of them if none.")] = None,
    as_json: Json = False,
) -> None:
    """Print what to cite for the laws, links and estimators you used.

    Example: scaling cite chinchilla
    """
    from scaling import __version__
    from scaling.errors import NotFound
    from scaling.estimators import CITATIONS
    from scaling.laws import law_classes
    from scaling.links import link_classes

    known = {name: kind.citation for name, kind in law_classes().items()}
    known |= {name: kind.citation for name, kind in link_classes().items()}
    known |= CITATIONS
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise NotFound(f"No law, link or estimator is called {', '.join(unknown)}. There are: {', '.join(known)}.")
    wanted = {name: known[name] for name in names or known}
    product = f"The scaling maintainers. scaling-service {__version__}: Bayesian scaling laws and emergence forecasts."
    if as_json:
        citations = {name: {"key": c.key, "text": c.text, "url": c.url} for name, c in wanted.items()}
        write_json({"product": product, "citations": citations})
        return
    write_line(product)
    for name, citation in wanted.items():
        write_line(f"{name}: {citation.text} {citation.url}")
