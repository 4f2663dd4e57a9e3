"""The commands that README.md shows are commands that the program takes."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.calling import call
from tui.cli.program import make_app

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shown() -> list[str]:
    """Return every call of `vrdl-tui` in a code block or in `code`, its comment and shell left out."""
    lines = [line for _, block in BLOCKS for line in block.splitlines()]
    calls = [part for line in lines for part in line.split("&&")]
    calls += re.findall(r"`(vrdl-tui [^`]+)`", README)
    found = []
    for part in calls:
        words = shlex.split(part.removeprefix("$ "), comments=True)
        if words and Path(words[0]).name == "vrdl-tui":
            found.append(shlex.join(words[1:]))
    return sorted(set(found))


def test_there_are_some() -> None:
    assert "demo" in shown()
    assert "" in shown()
    assert len(shown()) > 10


@pytest.mark.parametrize("arguments", shown())
def test_it_parses(arguments: str) -> None:
    make_app().parse_args(shlex.split(arguments), exit_on_error=False, print_error=False)


def test_the_two_first_commands_are_whole_lines() -> None:
    install = "python3 -m venv .venv && .venv/bin/pip install -e"
    lines = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
    assert f"{install} '.[demo]' && .venv/bin/vrdl-tui demo" in lines
    assert f"{install} '.[test]' && .venv/bin/pytest" in lines


def test_a_shown_refusal_is_the_real_one(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("a", "b"):
            (tmp_path / "DATA" / split / name).mkdir(parents=True)
            (tmp_path / "DATA" / split / name / "1.jpg").touch()
    block = next(block for language, block in BLOCKS if language == "console" and "--set" in block)
    command, answer = block.splitlines()
    real = call(*shlex.split(command)[2:], cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert (real.code, real.out, real.err) == (2, "", f"{answer}\n")


def test_the_cache_is_shown_as_it_is(tmp_path: Path) -> None:
    block = next(block for language, block in BLOCKS if language == "console" and "cache" in block)
    lines = block.replace("/home/you", str(tmp_path)).splitlines()
    for command, answer in zip(lines[::2], lines[1::2], strict=True):
        real = call(*shlex.split(command)[2:], cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / ".cache"))
        assert (real.code, real.out, real.err) == (0, f"{answer}\n", "")
