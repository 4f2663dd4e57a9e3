"""The confusion panel with more classes than it has rows, and with none."""

import tracemalloc
from collections.abc import Callable

import made_runs
import pytest
from watching import shows

from engine.journal.events import ConfusionMatrix
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.widgets.confusion import Confusion
from tui.widgets.look import UNICODE
from tui.widgets.view import View


def test_thousands_of_classes_make_no_table_of_all_pairs() -> None:
    names = [f"species number {number}" for number in range(3000)]
    state = RunState()
    state.apply_all([made_runs.started(), made_runs.scanned(names), made_runs.matrix(1, 3000, 50)])
    view = View(state, "running", True, 0.0, UNICODE)
    tracemalloc.start()
    try:
        rows = Confusion(id="confusion").rows(view, 70, 14)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "classes" in rows[0].plain
    assert peak < 9_000_000, "a pointer for each of 3,000 x 3,000 counts is 72 MB"


@pytest.mark.parametrize(("height", "head"), [(7, "cell = 2×2 classes"), (8, "bird cat dog")])
def test_numbers_where_every_class_has_a_row(height: int, head: str) -> None:
    state = RunState()
    state.apply_all([*made_runs.beginning(), made_runs.matrix(1)])
    rows = Confusion(id="confusion").rows(View(state, "running", True, 0.0, UNICODE), 90, height)
    assert " ".join(rows[0].plain.split()).startswith(head)


async def test_a_matrix_of_no_class(make: Callable[..., RunDir], console: Callable[..., ConsoleApp]) -> None:
    run = make([*made_runs.live()], alive=True)
    async with console(run).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "63 of 406 wrong")
        for classes in (0, -3):
            made_runs.append(run, [ConfusionMatrix(epoch=15, classes=classes, cells=[], path="c.png")])
            await shows(pilot, "none yet")
            await pilot.press("4")
            await shows(pilot, "none yet", "m explore")
            await pilot.press("a")
            await shows(pilot, "no class is judged yet")
            await pilot.press("escape", "m")
            await shows(pilot, "esc back")
            await pilot.press("escape")
            made_runs.append(run, [made_runs.matrix(15)])
            await shows(pilot, "63 of 406 wrong")
