"""What was asked for while a run went on: marked on every plot where it happened, with the words for it."""

from collections.abc import Callable

import made_runs
import pytest
from textual.pilot import Pilot
from watching import PlayedEngine, plotted, screen_text, shows, until

from engine.journal.events import (
    EpochCut,
    EpochStarted,
    Event,
    OutlierExcluded,
    OutlierRestored,
    RolledBack,
    SettingChanged,
    decode_line,
)
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.widgets.accuracy import Accuracy
from tui.widgets.learning_rate import LearningRate
from tui.widgets.look import ASCII, KEY, UNICODE, Glyphs
from tui.widgets.plot_marks import SEVERAL, Mark, by_cell, marks, steered
from tui.widgets.plot_words import befell, befell_height, kinds
from tui.widgets.view import View

Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
ANN, BOB = "ann@node7", "bob@login1"

STEERED: dict[int, list[Event]] = {
    5: [SettingChanged(key="optim.lr", old="0.00015", new="0.0003", epoch=5, step=30, by=ANN, pid=4711)],
    9: [
        RolledBack(epoch=9, step=51, best_epoch=8, by=BOB, pid=99),
        SettingChanged(key="schedule.patience", old="6", new="9", epoch=9, step=60, by=ANN, pid=4711),
    ],
    11: [
        EpochCut(epoch=11, step=51, steps=103, by=ANN, pid=4712),
        OutlierRestored(class_name="cat", path="a.jpg", from_epoch=12, by=ANN),
        OutlierRestored(class_name="cat", path="b.jpg", from_epoch=12, by=ANN),
    ],
}


def steered_run() -> list[Event]:
    """Fourteen epochs, five times steered, and the fifteenth under way."""
    events: list[Event] = []
    for event in made_runs.live():
        events.append(event)
        if isinstance(event, EpochStarted):
            events += STEERED.get(event.epoch, [])
    return events


def told(state: RunState) -> list[tuple[int, str, str]]:
    return [(mark.epoch, mark.letter, mark.text) for mark in steered(state.steered, UNICODE)]


def test_every_kind_has_its_letter_and_says_who() -> None:
    state = RunState()
    state.apply_all(steered_run())  # type: ignore[arg-type]
    assert told(state) == [
        (5, "s", "optim.lr 0.00015 \u2192 0.0003, by ann@node7, process 4711"),
        (9, "s", "schedule.patience 6 \u2192 9, by ann@node7, process 4711"),
        (9, "b", "back to the weights of epoch 8, by bob@login1, process 99"),
        (11, "c", "cut short after step 51 of 103, by ann@node7, process 4712"),
        (12, "u", "2 images restored, by ann@node7"),
    ]


def test_what_the_outlier_stage_left_out_is_no_steering() -> None:
    state = RunState()
    by_itself = OutlierExcluded(class_name="cat", path="a", error=2, threshold=1, action="exclude")
    by_hand = OutlierExcluded(
        class_name="cat", path="b", error=0, threshold=0, action="exclude", from_epoch=3, by=ANN
    )
    state.apply_all([by_itself, by_hand])
    assert told(state) == [(3, "e", "1 image left out, by ann@node7")]


def test_a_journal_of_an_older_version_names_nobody() -> None:
    line = (
        b'{"type":"setting_changed","seq":9,"t":1.0,"key":"optim.lr","old":"1","new":"2","epoch":4,"step":3}'
    )
    event = decode_line(line)
    assert event is not None
    state = RunState()
    state.apply(event)
    assert told(state) == [(4, "s", "optim.lr 1 \u2192 2")]


def test_names_from_elsewhere_are_made_safe() -> None:
    state = RunState()
    state.apply(RolledBack(epoch=2, step=1, best_epoch=1, by="\x1b[31m\u00e9ve@h", pid=1))
    (mark,) = steered(state.steered, ASCII)
    assert mark.text.isascii()
    assert mark.text.isprintable()


def test_marks_that_share_a_cell() -> None:
    best, *others = [
        Mark(1, letter, letter, "", style) for letter, style in (("s", KEY), ("s", KEY), ("b", KEY))
    ]
    assert by_cell([best, *others], [1, 1, 2]) == {1: ("s", KEY), 2: ("b", KEY)}
    assert by_cell([best, *others], [1, 1, 1]) == {1: (SEVERAL, KEY)}
    state = RunState()
    state.apply_all(steered_run())  # type: ignore[arg-type]
    best_mark = next(mark for mark in marks(state, UNICODE) if mark.word == "best")
    assert by_cell([best_mark, others[1]], [1, 1]) == {1: ("b", KEY)}, (
        "the best has a sign in the plot itself"
    )


@pytest.mark.parametrize("width", [30, 76, 116])
def test_the_words_are_never_cut_in_a_word(width: int) -> None:
    state = RunState()
    state.apply_all(steered_run())  # type: ignore[arg-type]
    found = marks(state, UNICODE)
    height = befell_height(found, width, 2)
    words = {word for mark in found for word in f"{mark.letter} {mark.text}".split()}
    for epoch in range(1, 15):
        rows = befell(found, epoch, width, height, UNICODE, newest=epoch == 14)
        assert len(rows) == height
        assert all(row.cell_len <= width for row in rows)
        assert {word for row in rows for word in row.plain.split()} <= words | {"\u2026", "in", "epoch"}


def view_of(glyphs: Glyphs) -> View:
    state = RunState()
    state.apply_all(steered_run())  # type: ignore[arg-type]
    return View(state, "running", True, made_runs.START + 100, glyphs)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_the_live_panels_have_the_letters_at_their_epochs(glyphs: Glyphs) -> None:
    accuracy = Accuracy(id="accuracy")
    accuracy.plot_ready = True
    rows = [row.plain for row in accuracy.rows(view_of(glyphs), 70, 15)]
    foot = next(row for row in rows if " s " in row and "&" in row)
    axis = next(row for row in rows if row.strip().startswith("1 "))
    assert [foot[7:].split()] == [["s", "&", "c", "u"]]
    assert abs(foot.index("s") - axis.index("5")) <= 1
    assert accuracy.border_subtitle == "s setting  b rolled back  c cut short  u restored  & several"
    stairs = LearningRate(id="rate").rows(view_of(glyphs), 44, 12)[1:7]
    letters = sorted(sign for row in stairs for sign in row.plain if sign in "sbcu&")
    assert letters == ["&", "c", "s", "u"]
    assert {row.cell_len for row in stairs} <= {44}


def test_the_panel_says_who_set_the_rate() -> None:
    state = RunState()
    state.apply_all([*made_runs.beginning(), *made_runs.history(3)])  # type: ignore[arg-type]
    state.apply_all(STEERED[5])  # type: ignore[arg-type]
    rows = LearningRate(id="rate").rows(View(state, "running", True, 0, UNICODE), 60, 3)
    assert "set by ann@node7, process 4711" in rows[2].plain
    assert "0.000150000 \u2192 0.000300000" in rows[1].plain


def test_the_kinds_are_told_by_letter_and_word() -> None:
    state = RunState()
    state.apply_all(steered_run())  # type: ignore[arg-type]
    legend = "  ".join(part.plain for part in kinds(marks(state, UNICODE)))
    assert legend == "s setting  b rolled back  c cut short  u restored  \u25c6 best  d decay  & several"


@pytest.mark.parametrize("ascii", [False, True], ids=["unicode", "ascii"])
async def test_full_screen_the_cursor_says_what_was_done_and_by_whom(
    make: Make, console: Console, ascii: bool
) -> None:
    run = make(steered_run(), alive=True)
    async with console(run, ascii=ascii).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "TRAINING")
        await pilot.press("1")
        await shows(pilot, "s setting", "b rolled back", "c cut short", "u restored", "& several")
        await pilot.press(*["comma"] * 5)
        screen = await shows(
            pilot, "s schedule.patience 6", "9, by ann@node7, process 4711",
            "b back to the weights of epoch 8, by bob@login1, process 99",
        )  # fmt: skip
        assert screen.isascii() or not ascii
        await pilot.press("2")
        await shows(pilot, "learning rate", "s setting", "c cut short")


async def test_a_mark_is_there_before_its_epoch_has_ended(make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    engine = PlayedEngine(run)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        assert "s setting" not in screen_text(pilot)
        engine.says(SettingChanged(key="train.epochs", old="30", new="40", epoch=15, step=41, by=ANN, pid=7))
        await shows(pilot, "s setting")
        await pilot.press("1")
        await shows(pilot, "s in epoch 15: train.epochs 30", "40, by ann@node7, process 7")


async def test_in_a_replay_the_marks_come_when_they_happened(make: Make, console: Console) -> None:
    end = made_runs.failed()[-1]
    run = make([*steered_run(), end], alive=False)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await pilot.press("R")
        await shows(pilot, "REPLAY")
        await plotted(pilot)
        await pilot.press("space", "end")
        await shows(pilot, "s setting  b rolled back")
        await pilot.press("home", *["right"] * 8)
        await shows(pilot, "s setting")
        await until(pilot, lambda: "rolled back" not in screen_text(pilot))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("keys", [(), ("1", *["comma"] * 5)], ids=["live", "full"])
def test_what_it_looks_like(
    snap_compare: Callable[..., bool],
    make: Make,
    console: Console,
    keys: tuple[str, ...],
    size: tuple[int, int],
) -> None:
    run = make(steered_run(), alive=True)

    async def press(pilot: Pilot[int]) -> None:
        await plotted(pilot)
        await pilot.press(*keys)
        await pilot.pause()

    assert snap_compare(console(run), terminal_size=size, run_before=press)
