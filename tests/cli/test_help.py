"""Help that a newcomer can act on, the version, and completion."""

from importlib.metadata import version
from pathlib import Path

import pytest

from engine.recipe.recipe import LIVE_KEYS, preset_names
from tests.cli.calling import call

COMMANDS = (
    "demo", "train", "attach", "runs", "resume", "send", "predict", "outliers", "compare", "ablate", "models",
    "cache", "doctor",
)  # fmt: skip
WITHOUT_RUNS = ("outliers", "models", "cache")


def test_the_overview_names_every_command_with_what_it_does(tmp_path: Path) -> None:
    for flag in ("--help", "-h"):
        answer = call(flag, cwd=tmp_path)
        assert (answer.code, answer.err) == (0, "")
        lines = [line.strip("│ ") for line in answer.out.splitlines()]
        for command in COMMANDS:
            (entry,) = (line for line in lines if line.startswith(f"{command} "))
            assert len(entry.split()) > 3, entry
        assert "vrdl-tui demo" in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(tmp_path: Path, command: str) -> None:
    answer = call(command, "--help", cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: vrdl-tui {command}")
    assert ("--runs" in answer.out) == (command not in WITHOUT_RUNS)
    assert max(map(len, answer.out.splitlines())) <= 80


def test_train_names_every_preset(tmp_path: Path) -> None:
    words = " ".join(call("train", "--help", cwd=tmp_path).out.replace("│", " ").split())
    assert ", ".join(preset_names()) in words


def test_send_names_a_live_key(tmp_path: Path) -> None:
    out = call("send", "--help", cwd=tmp_path).out
    assert any(key in out for key in LIVE_KEYS)


def test_version(tmp_path: Path) -> None:
    assert call("--version", cwd=tmp_path).out == f"{version('vrdl-tui')}\n"


def test_completion_is_installed_where_asked(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    home = {"HOME": str(tmp_path)}
    answer = call("--install-completion", "--shell", "bash", "--output", script, cwd=tmp_path, **home)
    assert answer.code == 0
    assert all(command in script.read_text() for command in COMMANDS)
