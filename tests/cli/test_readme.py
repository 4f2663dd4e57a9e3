"""What README.md and the pages beside it show is there: commands, pictures, keys, and a test for what they claim."""

import getpass
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from textual.binding import Binding, BindingType
from textual.keys import _character_to_key

from tests.cli.calling import call, environment
from tui.app import ConsoleApp
from tui.cli.program import make_app
from tui.screens.keys import LIVE_BINDINGS
from tui.screens.new_run_keys import NEW_RUN_BINDINGS
from tui.widgets.runs_keys import RUNS_BINDINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [README, *(page.read_text() for page in sorted((ROOT / "assets" / "docs").glob("*.md")))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = _BLOCK.findall(README)


def shown() -> list[str]:
    """Return every call of `vrdl-tui` in a code block or in `code`, its comment and shell left out."""
    blocks = [block for page in PAGES for kind, block in _BLOCK.findall(page) if kind]  # no kind: no commands
    lines = [line for block in blocks for line in block.splitlines()]
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
    app = make_app()
    if arguments.isalpha():  # prose speaks of commands by their names
        assert app[arguments].name == (arguments,)
    else:
        app.parse_args(shlex.split(arguments), exit_on_error=False, print_error=False)


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
    for page in (ROOT / "README.md", *(ROOT / "assets" / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


# the pictures


PICTURES = ROOT / "assets" / "pictures"
_CAPTION = re.compile(
    r"(?:^|\) |\| )([A-Z][\w ]+): `(\S+)` (?:in the (list of runs|live view|form)|anywhere)", re.MULTILINE
)
_WHERE: dict[str, list[BindingType]] = {
    "list of runs": RUNS_BINDINGS,
    "live view": LIVE_BINDINGS,
    "form": NEW_RUN_BINDINGS,
    "": ConsoleApp.BINDINGS,
}


def test_every_picture_is_there_and_shown() -> None:
    pages = {ROOT: README} | {page: page.read_text() for page in (ROOT / "assets" / "docs").glob("*.md")}
    shown = {
        (place if place.is_dir() else place.parent).joinpath(link).resolve()
        for place, text in pages.items()
        for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    }
    assert shown == set(PICTURES.glob("*.svg"))


@pytest.mark.parametrize("picture", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_stands_alone(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox")
    assert len(text) < 100_000
    assert "".join(root.itertext()).split()
    for outside in ("url(", "href", "@font-face", "<script", "<image", getpass.getuser() + "@"):
        assert outside not in text


# the keys


def bound(bindings: list[BindingType]) -> set[str]:
    return {key for binding in bindings if isinstance(binding, Binding) for key in binding.key.split(",")}


def textual_key(shown: str) -> str:
    """Return Textual's name of a key that a page shows: ``=`` is ``equals_sign``."""
    return _character_to_key(shown) if len(shown) == 1 else shown


def rows_under(head: str) -> list[list[str]]:
    """Return the cells of the README's table with this head."""
    lines = README[README.index(head) :].splitlines()[2:]
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def test_each_key_of_the_live_view_s_table_is_bound() -> None:
    rows = rows_under("| key | what it does |")
    keys = [key for row in rows for key in re.findall(r"`([^`]+)`", row[0])]
    assert len(keys) > 15
    assert {textual_key(key) for key in keys} <= bound([*LIVE_BINDINGS, *ConsoleApp.BINDINGS])


def test_each_key_that_is_told_of_the_list_of_runs_is_bound() -> None:
    told = re.search(r"^In the list of runs: .*?\n\n", README, re.MULTILINE | re.DOTALL)
    assert told is not None
    keys = re.findall(r"`(\S)`", told[0])
    assert len(keys) > 8
    assert {textual_key(key) for key in keys} <= bound(RUNS_BINDINGS)


def test_each_screen_is_opened_by_the_key_that_is_told() -> None:
    captions = _CAPTION.findall(README)
    assert len(captions) == len(list(PICTURES.glob("*.svg"))) - 1  # the live view has no key
    for name, key, where in captions:
        assert textual_key(key) in bound(_WHERE[where]), name


# the comparison

_SHOWN_BY = {
    "interface": ["e2e/test_program.py::test_a_run_from_its_start_to_its_end"],
    "trains": ["e2e/test_program.py::test_a_run_from_its_start_to_its_end"],
    "training outlives its view": [
        "cli/test_training.py::test_a_run_outlives_its_terminal_and_takes_commands"
    ],
    "pause, checkpoint, predict, change settings from the view": [
        "tui/test_console_keys.py::test_pause_and_go_on",
        "tui/test_console_keys.py::test_checkpoint",
        "tui/test_console_keys.py::test_prediction",
        "tui/test_steer.py::test_a_setting_is_changed",
        "engine/test_steering.py::test_settings_change_for_good",
    ],
    "resumes at the exact step, with the same numbers": [
        "engine/test_resume.py::test_stop_in_the_middle_of_an_epoch",
        "engine/test_resume.py::test_kill_dash_nine",
    ],
    "confusion matrix with the images of each cell": [
        "tui/test_confusion.py::test_it_opens_on_the_worst_confusion",
        "tui/test_confusion.py::test_moving",
    ],
    "outliers found, shown as pictures, restored": [
        "e2e/test_outliers.py::test_watched_looked_at_and_restored"
    ],
    "runs compared with a test on the same images": [
        "tui/test_compare.py::test_what_is_shown",
        "unit/test_compare.py::test_a_lead_within_noise",
    ],
    "curves with zoom, smoothing and a cursor": [
        "tui/test_zoom.py::test_zoom_pan_and_cursor",
        "tui/test_zoom.py::test_the_plots_options",
    ],
    "any metric you log": ["unit/test_state.py::test_unknown_events_do_no_harm"],
}
"""The tests that show what the README's table says of this program."""


def test_each_row_of_the_comparison_is_tested() -> None:
    rows = [row[0] for row in rows_under("| | vrdl-tui |")]
    assert rows == list(_SHOWN_BY)
    for node in [node for nodes in _SHOWN_BY.values() for node in nodes]:
        path, name = node.split("::")
        text = (ROOT / "tests" / path).read_text()
        assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), node
