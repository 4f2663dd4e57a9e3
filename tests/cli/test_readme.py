"""The commands that README.md and the pages beside it show are commands that the program takes."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import call, environment
from tui.cli.program import make_app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [README, *(page.read_text() for page in sorted((ROOT / "assets" / "docs").glob("*.md")))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = _BLOCK.findall(README)


def shown() -> list[str]:
    """Return every call of `vrdl-tui` in a code block or in `code`, its comment and shell left out."""
    lines = [line for page in PAGES for _, block in _BLOCK.findall(page) for line in block.splitlines()]
    calls = [part for line in lines for part in line.split("&&")]
    calls += [call for page in PAGES for call in re.findall(r"`(vrdl-tui [^`]+)`", page)]
    found = []
    for part in calls:
        words = shlex.split(part.strip().removeprefix("$ ").removeprefix("exec "), comments=True)
        while words and words[0] in ("ssh", "-t", "gpu-box"):
            del words[0]
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


def test_the_pages_made_from_the_program_are_current(tmp_path: Path) -> None:
    script = ROOT / "assets" / "docs" / "generate.py"
    surroundings = environment(PYTHONPATH=str(ROOT))
    subprocess.run([sys.executable, script, tmp_path], env=surroundings, check=True, timeout=60)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["journal.md", "recipes.md"]
    for name in made:
        current = (script.parent / name).read_text() == (tmp_path / name).read_text()
        assert current, f"assets/docs/{name} is old: python assets/docs/generate.py"


def test_every_link_of_the_pages_leads_somewhere() -> None:
    for page in (ROOT / "assets" / "docs").glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
