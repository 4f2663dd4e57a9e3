"""A full disk: the run says so, waits, can be stopped, and goes on by itself to the end of an unbroken run."""

import errno
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.control.commands import AnyCommand, Checkpoint, Pause, Restore, Set, Stop, send
from engine.journal.events import (
    CommandAccepted,
    CommandRejected,
    DiskFreed,
    DiskFull,
    RunEnded,
    RunWarning,
    Step,
)
from engine.journal.log import JournalReader, JournalWriter
from tests import warm
from tests.engine.conducting import Watcher
from tests.engine.disks import POINTS, Place
from tests.engine.same_end import differences
from tests.engine.test_resume import assert_same_end


@pytest.mark.parametrize(
    ("point", "code"),
    [
        *((point, errno.ENOSPC) for point in POINTS),
        ("train.log", errno.EDQUOT),
        ("best, written", errno.EDQUOT),
    ],
)
def test_a_run_waits_and_goes_on_by_itself(place: Place, tmp_path: Path, point: str, code: int) -> None:
    run = place.new(tmp_path.name)
    _, watcher = place.start_on_a_full_disk(run, POINTS[point], code)
    assert watcher.state.status(alive=run.is_alive()) == "paused"
    full = watcher.state.full
    assert full is not None
    assert re.match(rf"disk full: waiting for [12] MB in {run.path}", full.words)
    place.free()
    assert place.engines.wait() == 0, run.engine_log.read_text()[-2000:]
    watcher.look()
    waits = [event for event in watcher.events if isinstance(event, DiskFull | DiskFreed)]
    assert isinstance(waits[-1], DiskFreed)
    assert [event.seq for event in watcher.events] == list(range(1, len(watcher.events) + 1))
    assert not [
        event for event in watcher.events if isinstance(event, RunWarning) and "written" in event.message
    ]
    assert differences(run, place.whole) == []


def test_where_the_word_is_shown(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name)
    place.start_on_a_full_disk(run, POINTS["best, written"])
    try:
        listed = [
            warm.run([warm.VRDL_TUI, *words], stdin=subprocess.DEVNULL, text=True)
            for words in (("runs", "--runs", run.path.parent), ("runs", "--json", "--runs", run.path.parent))
        ]
    finally:
        place.free()
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    word = f"disk full: waiting for 1 MB in {run.checkpoints}"
    assert "paused" in listed[0].stdout
    assert listed[0].stderr == f"run is paused: {word}\n"
    (told,) = json.loads(listed[1].stdout)
    assert (told["state"], told["reason"]) == ("paused", word)


@pytest.mark.parametrize("point", ["journal", "train.log", "best, written", "ledger", "prediction.csv"])
def test_a_run_that_waits_can_be_stopped(place: Place, tmp_path: Path, point: str) -> None:
    run = place.new(tmp_path.name)
    _, watcher = place.start_on_a_full_disk(run, POINTS[point])
    began = time.monotonic()
    answer = watcher.ask(Stop())
    assert isinstance(answer, CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-2000:]
    assert time.monotonic() - began < 60
    watcher.look()
    ended = watcher.events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.outcome == "stopped"
    assert "disk full: waiting for 1 MB in" in ended.reason
    assert "no checkpoint was saved" in ended.reason
    place.free()
    assert place.engines.run(run) == 0, run.engine_log.read_text()[-2000:]
    assert_same_end(run, place.whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_run_that_waits_can_be_terminated(place: Place, tmp_path: Path, number: signal.Signals) -> None:
    run = place.new(tmp_path.name)
    engine, watcher = place.start_on_a_full_disk(run, POINTS["last, synced"])
    os.kill(engine, number)
    assert place.engines.wait() == 130
    watcher.look()
    assert watcher.state.ended is not None
    assert watcher.state.ended.outcome == "interrupted"
    place.free()
    assert place.engines.run(run) == 0
    assert_same_end(run, place.whole)


@pytest.mark.parametrize("command", [Pause(), Checkpoint(), Set(key="optim.lr", value="0.1"), Restore()])
def test_another_command_is_refused_in_words(place: Place, tmp_path: Path, command: AnyCommand) -> None:
    run = place.new(tmp_path.name)
    _, watcher = place.start_on_a_full_disk(run, POINTS["best, written"])
    answer = watcher.ask(command)
    assert isinstance(answer, CommandRejected)
    assert answer.reason.startswith("disk full: waiting for 1 MB in")
    place.free()
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    assert_same_end(run, place.whole)


def when_training(watcher: Watcher) -> None:
    watcher.until(lambda state: state.epochs)


def pause(watcher: Watcher) -> None:
    """Pause a run that trains, with no save of its own under way."""
    when_training(watcher)
    for command in (Pause(), Checkpoint()):
        assert isinstance(watcher.ask(command), CommandAccepted)


def test_a_command_whose_own_save_waits_is_answered_once_there_is_room(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name, "train.epochs=100000", "schedule.patience=100000")
    place.engines.start(run, place.hook(run, r"/(\.last\.new|\.recipe)"))
    watcher = Watcher(run)
    pause(watcher)
    place.flag.touch()
    identity = send(run.commands, Set(key="optim.lr", value="0.002"))
    watcher.until(lambda state: state.full)
    time.sleep(0.3)
    watcher.look()
    assert watcher.state.answer(identity) is None
    place.free()
    watcher.until(lambda state: state.answer(identity))
    assert isinstance(watcher.state.answer(identity), CommandAccepted)
    assert watcher.state.full is None
    assert watcher.state.status(alive=True) == "paused"  # as the person asked
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    assert "lr = 0.002" in run.recipe.read_text()


def test_a_stop_ends_a_command_whose_save_waits(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name, "train.epochs=100000", "schedule.patience=100000")
    place.engines.start(run, place.hook(run, r"/\.last\.new"))
    watcher = Watcher(run)
    pause(watcher)
    place.flag.touch()
    identity = send(run.commands, Set(key="optim.lr", value="0.002"))
    watcher.until(lambda state: state.full)
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    watcher.look()
    answer = watcher.state.answer(identity)
    assert isinstance(answer, CommandRejected)
    assert list(run.commands.iterdir()) == []
    assert "0.002" not in run.recipe.read_text()


def answers(watcher: Watcher, identity: str) -> list[CommandAccepted | CommandRejected]:
    watcher.look()
    return [answer for answer in watcher.state.answers if answer.id == identity]


def end_while_it_waits(place: Place, watcher: Watcher, engine: int, end: str) -> None:
    """End an engine that waits for room, by a command or by a signal."""
    if end == "stop":
        assert isinstance(watcher.ask(Stop()), CommandAccepted)
    else:
        os.kill(engine, signal.SIGTERM)
    code = place.engines.wait()
    assert code == (0 if end == "stop" else 130), watcher.run.engine_log.read_text()[-3000:]


def assert_goes_on_with(place: Place, watcher: Watcher, identity: str) -> None:
    """See that a setting that was in force when a run ended is in force, and answered once, in the next attempt."""
    run, attempt = watcher.run, watcher.state.started.attempt if watcher.state.started else 0
    place.engines.start(run)
    watcher.until(
        lambda state: state.started and state.started.attempt == attempt + 1 and state.answer(identity)
    )
    assert watcher.state.lr == 0.002
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    (answer,) = answers(watcher, identity)
    assert isinstance(answer, CommandAccepted)
    assert "lr = 0.002" in run.recipe.read_text()
    assert list(run.commands.iterdir()) == []


@pytest.mark.parametrize("end", ["stop", "signal"])
def test_an_accepted_setting_outlives_an_end_before_it_is_written_down(
    place: Place, tmp_path: Path, end: str
) -> None:
    run = place.new(tmp_path.name, "train.epochs=100000", "schedule.patience=100000")
    engine = place.engines.start(run, place.hook(run, r"/\.recipe"))
    watcher = Watcher(run)
    pause(watcher)
    place.flag.touch()
    identity = send(run.commands, Set(key="optim.lr", value="0.002"))
    watcher.until(lambda state: state.full and state.answer(identity))
    end_while_it_waits(place, watcher, engine, end)
    (answer,) = answers(watcher, identity)
    assert isinstance(answer, CommandAccepted)
    assert "0.002" not in run.recipe.read_text()
    # The disk is still full: it is written down before anything else, as soon as it can be.
    place.engines.start(run, place.hook(run, r"/\.recipe"))
    watcher.until(lambda state: state.full)
    late = send(run.commands, Pause())
    time.sleep(0.3)
    assert len(answers(watcher, identity)) == 1
    assert not answers(watcher, late)
    end_while_it_waits(place, watcher, engine, "stop")
    place.free()
    assert len(answers(watcher, identity)) == 1
    assert_goes_on_with(place, watcher, identity)
    (answer,) = answers(watcher, late)
    assert isinstance(answer, CommandRejected)


@pytest.mark.parametrize("end", ["stop", "signal"])
def test_a_setting_that_is_saved_is_not_refused_for_want_of_room_to_say_so(
    place: Place, tmp_path: Path, end: str
) -> None:
    run = place.new(tmp_path.name, "train.epochs=100000", "schedule.patience=100000")
    engine = place.engines.start(run, place.hook(run, POINTS["journal"]))
    watcher = Watcher(run)
    pause(watcher)
    place.flag.touch()
    # Its checkpoint is written, the journal's line on that isn't.
    identity = send(run.commands, Set(key="optim.lr", value="0.002"))
    watcher.until(lambda state: state.full)
    end_while_it_waits(place, watcher, engine, end)
    place.free()
    assert not any(isinstance(answer, CommandRejected) for answer in answers(watcher, identity))
    assert_goes_on_with(place, watcher, identity)


def test_an_accepted_setting_outlives_a_disk_that_fails(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name, "train.epochs=100000", "schedule.patience=100000")
    place.engines.start(run, place.hook(run, r"/\.recipe", errno.EIO))
    watcher = Watcher(run)
    pause(watcher)
    place.flag.touch()
    identity = send(run.commands, Set(key="optim.lr", value="0.002"))
    assert place.engines.wait() == 1
    watcher.look()
    assert watcher.state.ended is not None
    assert "recipe.toml can't be written" in watcher.state.ended.reason
    place.free()
    assert_goes_on_with(place, watcher, identity)


def test_a_stop_whose_own_save_meets_the_full_disk(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name, "train.epochs=100000", "schedule.patience=100000")
    place.engines.start(run, place.hook(run, r"/\.last\.new"))
    watcher = Watcher(run)
    pause(watcher)
    place.flag.touch()
    assert isinstance(watcher.ask(Stop()), CommandAccepted)
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    watcher.look()
    assert watcher.state.status(alive=False) == "stopped"


def test_without_room_for_the_word_the_run_waits_all_the_same(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name)
    place.engines.start(run, place.hook(run, "/run/", reserve=False))
    watcher = Watcher(run)
    when_training(watcher)
    place.flag.touch()
    time.sleep(1)
    watcher.look()
    told = len(watcher.events)
    time.sleep(0.5)
    watcher.look()
    assert len(watcher.events) == told
    assert run.is_alive()
    place.free()
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    assert_same_end(run, place.whole)


def test_without_room_for_the_last_word_a_stop_is_obeyed(place: Place, tmp_path: Path) -> None:
    run = place.new(tmp_path.name)
    place.engines.start(run, place.hook(run, "/run/", reserve=False))
    watcher = Watcher(run)
    when_training(watcher)
    place.flag.touch()
    send(run.commands, Stop())
    assert place.engines.wait() == 0, run.engine_log.read_text()[-3000:]
    assert not run.is_alive()
    place.free()
    assert place.engines.run(run) == 0
    assert_same_end(run, place.whole)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fdatasync", "ftruncate"])
def test_the_journal_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    path, failing = tmp_path / "events.jsonl", [False]
    real: Callable[[int, bytes], int] = os.write

    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    def short(fd: int, content: bytes) -> int:
        return real(fd, content[:10]) if failing[0] else real(fd, content)

    writer = JournalWriter(path)
    writer.append(RunWarning(message="before"))
    with monkeypatch.context() as patched:
        failing[0] = True
        patched.setattr(os, "write", short)
        if call != "write":
            patched.setattr(os, call, fail)
        for _ in range(3):
            with pytest.raises(OSError, match=r"No space left|Input/output error"):
                writer.append_all(RunWarning(message="lost"), RunWarning(message="lost, too"))
    assert writer.append(RunWarning(message="after")).seq == 2
    tick = Step(epoch=1, step=1, steps=7, loss=1.0, train_acc=50.0, images_per_s=1.0, eta=None)
    assert writer.append(tick).seq == 3
    reader = JournalReader(path)
    assert [event.seq for event in reader.read()] == [1, 2, 3]
    assert reader.damaged == 0
