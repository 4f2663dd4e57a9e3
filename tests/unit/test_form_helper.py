"""A helper program that a screen ends while it writes."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from engine.recipe.recipe import load_recipe
from tests.waiting import until
from tui.widgets.form_helper import RecipeHelper

_WRITER = """
import itertools, json, os, sys, threading
from pathlib import Path

from engine.tools.helper import run, say

def write(name):
    for number in itertools.count():
        try:
            Path(sys.argv[2], f"{name}-{number}.png").touch()
        except OSError:
            pass

def main():
    say({"pid": os.getpid()})
    for name in "abcd":
        threading.Thread(target=write, args=(name,), daemon=True).start()
    threading.Event().wait()

run(main)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_closed_while_pictures_are_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endless_writer.py").write_text(_WRITER)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    folders = tmp_path / "temporary"
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    for _ in range(3):
        facts: list[dict[str, Any]] = []
        ends: list[str] = []
        helper = RecipeHelper(
            "endless_writer", load_recipe("quick", []), ["{folder}"], facts.append, ends.append
        )
        until(lambda helper=helper: len(list(helper.folder.glob("*.png"))) > 300, 20)  # type: ignore[misc]
        helper.close()
        until(lambda facts=facts: gone(facts[0]["pid"]), 20)  # type: ignore[misc]
        until(lambda: not list(folders.iterdir()), 20)
        assert not ends
