"""Commands and programs found in our documents."""

from __future__ import annotations

import re
import shlex


def code_blocks(markdown: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", markdown, flags=re.MULTILINE | re.DOTALL)


def scaling_commands(text: str) -> list[list[str]]:
    """The words after `scaling` of every line that starts with it."""
    lines = (line.strip() for line in text.splitlines())
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("scaling ")]
