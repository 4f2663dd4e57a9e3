"""The outlier panel in each phase, at each size, in plain ASCII, and with names that would harm a terminal."""

from collections.abc import Callable
from pathlib import Path

import made_outliers
import made_runs
import msgspec
import pytest
from made_outliers import THRESHOLD
from rich.cells import cell_len
from watching import screen_text, shows

from engine.journal.events import Event, OutlierExcluded, OutlierRestored, OutliersDone
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.widgets.look import ASCII, UNICODE, Glyphs
from tui.widgets.outliers import Outliers
from tui.widgets.view import View

SIZES = [(32, 8), (44, 14), (76, 24)]
"""The panel's inside at 80x24, 120x40 and 200x60."""
DATA = Path("/data/photos/train")


def drawn(
    events: list[Event], size: tuple[int, int], glyphs: Glyphs = UNICODE, *, alive: bool = True
) -> list[str]:
    state = RunState()
    state.apply_all(event for event in events)  # type: ignore[arg-type]
    view = View(state, state.status(alive=alive), alive, made_runs.START, glyphs)
    rows = [row.plain for row in Outliers(id="outliers").rows(view, *size)]
    assert len(rows) <= size[1]
    assert all(cell_len(row) <= size[0] for row in rows), rows
    assert all(row.isprintable() for row in rows)
    assert not glyphs.ascii or all(row.isascii() for row in rows)
    return [row.rstrip() for row in rows]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("phase", ["reading", "midway", "done"])
def test_every_phase_fits(phase: str, size: tuple[int, int], glyphs: Glyphs) -> None:
    rows = "\n".join(drawn(getattr(made_outliers, phase)(DATA), size, glyphs))
    wanted = {
        "reading": ["autoencoder", "read 118/206", "0 classes judged"],
        "midway": [
            "class 2/3 cat",
            "epoch 11/30",
            "loss 0.0123",
            "1 class judged",
            "2 left out",
            "bird/0009.png",
        ],
        "done": ["6 of 30 images left out (20.0 %)", "cat", "3/10", "30.0 %", "0009.png", "1.75"],
    }
    assert all(text in rows for text in wanted[phase]), rows
    assert "no bad images, no warnings" in rows


def test_the_list_is_newest_first_and_names_the_likeness() -> None:
    rows = drawn(made_outliers.midway(DATA), (44, 14))
    assert rows[4:6] == ["bird/0009.png 1.75× → cat", "bird/0008.png 1.25× → cat"]


def test_the_worst_class_comes_first() -> None:
    rows = drawn(made_outliers.done(DATA), (44, 14))
    assert [row.split()[0] for row in rows[2:5]] == ["cat", "dog", "bird"]
    assert [row.split()[1] for row in rows[2:5]] == ["3/10", "2/10", "1/10"]


def test_restored_images_leave_the_list_and_are_counted() -> None:
    back = OutlierRestored(class_name="dog", path=str(DATA / "dog" / "0009.png"))
    rows = drawn([*made_outliers.done(DATA), back], (44, 14))
    assert rows[0] == "5 of 30 images left out (16.7 %)"
    assert rows[1].startswith("1 restored")
    assert not any("dog/0009.png" in row for row in rows)


@pytest.mark.parametrize(
    ("action", "said"),
    [("exclude", "files untouched"), ("quarantine", "6 quarantined"), ("delete", "6 deleted")],
)
def test_what_was_done_with_the_files_is_named(action: str, said: str) -> None:
    assert said in drawn(made_outliers.done(DATA, action=action), (32, 8))[1]


def test_off_is_said_and_what_was_left_out_by_hand_all_the_same() -> None:
    events = made_runs.beginning()
    assert drawn(events, (44, 14))[0] == "off (outliers.method is none)"
    by_hand = OutlierExcluded(
        class_name="cat", path="/data/cat/a.png", error=0.0, threshold=0.0, action="exclude", by="ann@desk"
    )
    rows = drawn([*events, by_hand], (44, 14))
    assert rows[:3] == ["off (outliers.method is none)", "1 image left out", "cat/a.png by hand"]


def test_a_stage_that_was_cut_off_is_not_finished() -> None:
    assert drawn(made_outliers.midway(DATA), (44, 14), alive=False)[0] == "autoencoder: not finished"


def test_none_found() -> None:
    events = [*made_outliers.begun(DATA), OutliersDone(excluded=0, images=206)]
    assert drawn(events, (44, 14))[0] == "0 of 206 images left out (0.0 %)"


def test_a_ratio_next_to_one_says_on_which_side_it_is() -> None:
    judged = made_outliers.judged("cat", out=0)
    event = OutlierExcluded(
        class_name="cat", path="/d/cat/a.png", error=THRESHOLD * 1.0004, threshold=THRESHOLD, action="exclude"
    )
    assert "cat/a.png >1.00×" in drawn([*made_outliers.begun(DATA), judged, event], (44, 14), alive=False)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_hostile_names(glyphs: Glyphs) -> None:
    name = "evil\x1b[2J\u202e日本\n"
    verdict = msgspec.structs.replace(
        made_outliers.judged(name, like="ba\x07d"), files=["x\x1b]0;t\x07.png"] * 10
    )
    events = [*made_outliers.begun(DATA), verdict, *made_outliers.left_out(DATA, verdict)]
    for size in SIZES:
        drawn(events, size, glyphs)
        drawn([*events, OutliersDone(excluded=1, images=10)], size, glyphs)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_in_the_live_view(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp], size: tuple[int, int]
) -> None:
    run = make(made_outliers.done(DATA), alive=True)
    async with console(run).run_test(size=size) as pilot:
        await shows(pilot, "6 of 30 images left out (20.0 %)", "o gallery", "q quit", "30.0 %")
        made_runs.append(run, [OutlierRestored(class_name="dog", path=str(DATA / "dog" / "0009.png"))])
        await shows(pilot, "5 of 30 images left out (16.7 %)", "1 restored")
        assert "dog/0009" not in screen_text(pilot)
