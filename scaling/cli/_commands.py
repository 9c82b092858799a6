"""Discovery of the commands, each imported when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from scaling.errors import Unanswerable

_ORDER = (
    "demo",
    "fit",
    "predict",
    "emerge",
    "plan",
    "backtest",
    "compare",
    "frontier",
    "curve",
    "import",
    "pretrain",
    "fits",
    "datasets",
    "serve",
    "cite",
)


class _Commands(TyperGroup):
    """The group of all commands: modules of `scaling.cli` and entry points `scaling.commands`."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        names = {*_module_names(), *_entry_points()}
        return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name in _module_names():
            app = importlib.import_module(f"scaling.cli.{_module_names()[cmd_name]}").app
        elif cmd_name in _entry_points():
            app = _loaded(_entry_points()[cmd_name])
        else:
            return None
        made = typer.main.get_command(app)
        made.name = cmd_name
        made.params = [param for param in made.params if param.name not in ("install_completion", "show_completion")]
        return made


def command() -> Any:
    """The whole command line as one command."""
    app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, rich_markup_mode="rich")

    @app.callback()
    def scaling(
        version: bool = typer.Option(False, "--version", help="Print the version and exit.", callback=_print_version),
    ) -> None:
        """At which model size or token budget a task emerges, what it costs, and how sure we are."""
        del version

    return typer.main.get_command(app)


def _loaded(point: EntryPoint) -> typer.Typer:
    """The application of an entry point; one that says why where it cannot be imported: the others must go on."""
    try:
        found = point.load()
    except ImportError as error:
        reason = f"Not available: {error}."

        def found() -> None:
            raise Unanswerable(f"The command {point.name!r} is not available: {error}.")

        found.__doc__ = reason
    if isinstance(found, typer.Typer):
        return found
    app = typer.Typer(add_completion=False)
    app.command()(found)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from scaling import __version__

        typer.echo(__version__)
        raise typer.Exit


def _module_names() -> dict[str, str]:
    """Module by command; a module whose command is a word of Python's carries an underscore after it."""
    package = importlib.import_module("scaling.cli")
    modules = (module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))
    return {name.rstrip("_"): name for name in modules}


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="scaling.commands")}
