"""What a list reads of a run: the ends of the journal tell what the whole of it tells."""

import os
from pathlib import Path

import pytest

from engine.journal.events import Event, RunEnded, Step, SystemSample, encode_line
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.run.directory import RunDir, find_runs
from engine.run.overview import Overview, overview_of, read_ends, read_events
from tests.tui import made_runs

SAMPLE = SystemSample(cpu_percent=1.0, rss=1, ram_used=1, ram_total=2, disk_free=3)


def whole(run: RunDir) -> RunState:
    state = RunState()
    state.apply_all(JournalReader(run.journal).read())
    return state


def ticks(epoch: int, count: int) -> list[Event]:
    one = Step(epoch=epoch, step=1, steps=count, loss=1.0, train_acc=50.0, images_per_s=9.0, eta=None)
    return [one, SAMPLE] * (count // 2)


CASES: dict[str, list[Event]] = {
    **{name: made() for name, made in made_runs.STATES.items()},
    "empty": [],
    "long": [*made_runs.beginning(), *made_runs.history(200, total=300), *ticks(201, 400)],
    "one long epoch": [*made_runs.beginning(), *made_runs.history(3), *ticks(4, 4000)],
    "first epoch": [*made_runs.beginning(), *made_runs.history(1)[:1], *ticks(1, 4000)],
    "paused for long": [*made_runs.paused(), *[SAMPLE] * 3000],
    "resumed": [
        *made_runs.beginning(),
        *made_runs.history(200, total=300),
        made_runs.started(attempt=2, host="other", resumed_epoch=150, resumed_step=0),
        RunEnded(outcome="stopped", reason="asked", epoch=150, best=1.0, best_epoch=1, exit_code=0),
    ],
    "begun anew": [
        *made_runs.beginning(),
        *made_runs.history(200, total=300),
        made_runs.started(attempt=2),
        *ticks(1, 1000),
    ],
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("alive", [True, False])
def test_the_ends_tell_what_the_whole_tells(tmp_path: Path, case: str, alive: bool) -> None:
    run = made_runs.make_run(tmp_path, "a", CASES[case])
    state, offset = read_ends(run)
    full = whole(run)
    assert overview_of(run, state, state.status(alive=alive)) == overview_of(
        run, full, full.status(alive=alive)
    )
    assert offset == (run.journal.stat().st_size if run.journal.exists() else 0)


def test_reading_goes_on_from_the_glance(tmp_path: Path) -> None:
    run = made_runs.make_run(tmp_path, "a", CASES["long"])
    with run.journal.open("ab") as file:
        file.write(b'{"type":"paused","epo')
    state, offset = read_ends(run)
    with run.journal.open("ab") as file:
        file.write(b'ch":201,"step":9,"seq":9999,"t":1.0}\n')
    state.apply_all(JournalReader(run.journal, offset).read())
    assert state.status(alive=True) == "paused"


def test_the_host_is_the_last_engines(tmp_path: Path) -> None:
    run = made_runs.make_run(tmp_path, "a", made_runs.finished())
    lock = run.lock()
    lock.adopt()
    lock.release()
    assert overview_of(run, whole(run), "finished").host == os.uname().nodename


def test_before_the_first_start_the_recipe_tells(tmp_path: Path) -> None:
    plan = '[model]\nname = "resnet18"\n[data]\ntrain = "/d"\n[train]\nepochs = 7\n'
    run = RunDir.create(tmp_path, "a", "m", plan)
    assert overview_of(run, RunState(), "starting") == Overview(
        status="starting", model="resnet18", data="/d", epochs=7
    )
    run.recipe.write_text("[model\n")
    assert overview_of(run, RunState(), "starting") == Overview(status="starting")
    run.recipe.write_text("model = 3\n")
    assert overview_of(run, RunState(), "starting") == Overview(status="starting")


def test_events_without_ticks(tmp_path: Path) -> None:
    run = made_runs.make_run(tmp_path, "a", CASES["long"])
    told = list(read_events(run, lambda: False))
    assert [event for event in JournalReader(run.journal).read() if event.seq <= told[-1].seq] == told
    assert not any(isinstance(event, Step) for event in told)
    assert list(read_events(run, lambda: True)) == []


def test_runs_are_found_in_a_tree(tmp_path: Path) -> None:
    for number, folder in enumerate(
        ("", "sweep", "sweep/lr", "a/b/c", "a/b/c/d", ".hidden", "sweep/run0/in")
    ):
        run = made_runs.make_run(tmp_path / "runs" / folder, f"run{number}" if number != 1 else "run0")
        os.utime(run.recipe, (number, number))
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "runs" / "sweep")
    assert [found.name for found in find_runs(tmp_path / "runs")] == [
        "a/b/c/run3", "sweep/lr/run2", "sweep/run0", "run0",
    ]  # fmt: skip
    assert find_runs(tmp_path / "none") == []


def test_a_line_of_the_journal_begins_with_its_type() -> None:
    """Ticks are told by how their lines begin."""
    assert encode_line(ticks(1, 2)[0]).startswith(b'{"type":"step"')
    assert encode_line(SAMPLE).startswith(b'{"type":"system_sample"')
