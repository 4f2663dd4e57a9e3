"""The tape of a journal: each event once, when it is due, whatever became of the file."""

from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from made_replays import LENGTH, START, run_of

from engine.journal.events import Event, RunWarning, Step
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tui.tape import Tape, span


@pytest.fixture
def over(make: Callable[..., RunDir]) -> RunDir:
    run = make([], alive=False)
    run_of(run, made_runs.finished())
    return run


def taken(tape: Tape, t: float) -> list[Event]:
    return [event for events in tape.until(t) for event in events]


def test_the_tape_gives_each_event_once_when_it_is_due(over: RunDir) -> None:
    events = JournalReader(over.journal).read()
    tape = Tape(over.journal)
    assert span(over.journal) == (events[0].t, events[-1].t) == (START, START + LENGTH)
    seen = []
    for second in range(-1, 102):
        due = taken(tape, START + second)
        assert all(START + second - 1 < event.t <= START + second for event in due)
        seen += due
    assert seen == events
    tape.rewind()
    assert taken(tape, START + 1000) == events


def test_a_long_tape_passes_over_superseded_steps(over: RunDir) -> None:
    steps = [
        Step(epoch=1, step=n, steps=9, loss=1, train_acc=1, images_per_s=1, eta=None) for n in range(20_000)
    ]
    events = run_of(over, [*made_runs.beginning(), *steps, RunWarning(message="end")])
    assert over.journal.stat().st_size > 2 << 20
    tape = Tape(over.journal)
    early = taken(tape, START + 30)
    assert (early[-1], len(early)) == (
        max((e for e in events if e.t <= START + 30), key=lambda e: e.t),
        len(early),
    )
    assert len(early) < 50
    late = taken(tape, START + LENGTH)
    assert late[-2:] == events[-2:]
    assert len(late) < 50


def test_damage_and_an_empty_journal(over: RunDir, tmp_path: Path) -> None:
    whole = over.journal.read_bytes().splitlines(keepends=True)
    over.journal.write_bytes(b"".join([whole[0], b"\x00\xff\n", *whole[1:], b'{"type":"torn']))
    assert span(over.journal) == (START, START + LENGTH)
    assert len(taken(Tape(over.journal), START + LENGTH)) == len(whole)
    (tmp_path / "empty").touch()
    assert span(tmp_path / "empty") == (0.0, 0.0)
    assert taken(Tape(tmp_path / "empty"), 1e12) == []
    assert taken(Tape(tmp_path / "missing"), 1e12) == []
