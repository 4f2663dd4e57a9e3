"""Every run that ends while a console is open is told of, once, and its command started by one party."""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import made_runs
import pytest
from watching import PlayedEngine, plotted, shows, until

from engine.journal.events import Event, OutlierRestored, RunEnded, StageStarted
from engine.run.directory import RunDir
from engine.run.lock import RunLock
from engine.run.notify import Attendance, Ending, Notices, Settings
from tui.app import ConsoleApp
from tui.endings import Endings

END = RunEnded(outcome="finished", reason="", epoch=30, best=90.5, best_epoch=28, exit_code=0)


class Living:
    """A run with an engine, until ``ends`` or ``dies``."""

    def __init__(self, runs: Path, name: str, start: float) -> None:
        self.run = made_runs.make_run(runs, name, made_runs.live(3), start=start)
        self._lock: RunLock | None = self.run.lock()

    def ends(self) -> None:
        PlayedEngine(self.run).says(END)
        self.dies()

    def dies(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Callable[[str], Living]]:
    made: list[Living] = []

    def make(name: str) -> Living:
        made.append(Living(tmp_path / "runs", name, made_runs.START + len(made)))
        return made[-1]

    yield make
    for one in made:
        one.dies()


@pytest.fixture
def told(tmp_path: Path) -> Callable[[], list[str]]:
    """A command that writes a line for each end; returns the lines."""
    body = (
        f"#!{sys.executable}\nimport os\n"
        f"fd = os.open({str(tmp_path / 'told')!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "os.write(fd, f\"{os.environ['VRDL_RUN']} {os.environ['VRDL_OUTCOME']}\\n\".encode())\n"
    )
    path = tmp_path / "tell"
    path.write_text(body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return lambda: (tmp_path / "told").read_text().splitlines() if (tmp_path / "told").exists() else []


def console_on(tmp_path: Path, run: RunDir | None, rung: list[str], *, command: bool = True) -> ConsoleApp:
    notices = Notices(bell=False, desktop="osc9", command=[str(tmp_path / "tell")] if command else [])
    app = ConsoleApp(tmp_path / "runs", run, settings=Settings(notify=notices))
    app._to_terminal = rung.append  # type: ignore[method-assign,assignment]
    return app


def attended(run: RunDir) -> bool:
    return (run.path / f".attended-{os.getuid()}").exists()


async def test_the_table_is_open(
    tmp_path: Path, living: Callable[[str], Living], told: Callable[[], list[str]]
) -> None:
    first, second = living("first"), living("second")
    rung: list[str] = []
    async with console_on(tmp_path, None, rung).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "first", "second")
        await until(pilot, lambda: attended(first.run) and attended(second.run))
        first.ends()
        await until(pilot, told)
        second.dies()
        await until(pilot, lambda: len(told()) == 2)
        await pilot.pause(2.5)
    assert told() == ["first finished", "second interrupted"]
    assert ["first finished, best 90.5" in one for one in rung] == [True, False]
    assert "second interrupted" in rung[1]


async def test_the_live_view_of_another_run_is_open(
    tmp_path: Path, living: Callable[[str], Living], told: Callable[[], list[str]]
) -> None:
    shown, other = living("shown"), living("other")
    rung: list[str] = []
    async with console_on(tmp_path, shown.run, rung).run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await until(pilot, lambda: attended(other.run))
        other.ends()
        await until(pilot, told)
        shown.ends()
        await until(pilot, lambda: len(told()) == 2)
        await pilot.press("b")
        await shows(pilot, "2 runs")
        await pilot.pause(2.5)
    assert told() == ["other finished", "shown finished"]
    assert len(rung) == 2, "the live view and the watcher both saw the end of one of them"


async def test_two_consoles_ring_both_and_one_starts_the_command(
    tmp_path: Path, living: Callable[[str], Living], told: Callable[[], list[str]]
) -> None:
    one = living("one")
    rung: tuple[list[str], list[str]] = ([], [])
    async with (
        console_on(tmp_path, one.run, rung[0]).run_test(size=(120, 40)) as left,
        console_on(tmp_path, None, rung[1]).run_test(size=(80, 24)) as right,
    ):
        await plotted(left)
        await shows(right, "one")
        await until(left, lambda: attended(one.run))
        await right.pause(2.5)
        one.ends()
        await until(left, lambda: rung[0] and rung[1])
        await until(left, told)
        await right.pause(1.5)
    assert told() == ["one finished"]
    assert (len(rung[0]), len(rung[1])) == (1, 1)


async def test_a_console_that_is_left_has_told_what_was_its_to_tell(
    tmp_path: Path, living: Callable[[str], Living], told: Callable[[], list[str]]
) -> None:
    one = living("one")
    async with console_on(tmp_path, None, []).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: attended(one.run))
        PlayedEngine(one.run).says(END)  # its lock is still held, as an engine's that closes its files
    await_until(told)
    assert told() == ["one finished"]
    again = Attendance.take(one.run)
    assert again is not None, "it is given back"
    again.release()


def await_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Heard:
    """The ends that a watcher without a screen tells of."""

    def __init__(self, runs: Path) -> None:
        self.ends: list[Ending] = []
        self.endings = Endings(runs, [], self.ends.append, print)

    def __enter__(self) -> "Heard":
        self.endings.start()
        time.sleep(1.6)  # the first search
        return self

    def __exit__(self, *_: object) -> None:
        self.endings.stop()

    def names(self) -> list[str]:
        return [end.run.name for end in self.ends]


def test_what_was_over_before_is_not_told_however_it_is_moved(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run = made_runs.make_run(runs, "old", made_runs.finished())
    os.utime(run.journal, (time.time() - 100,) * 2)
    with Heard(runs) as heard:
        made_runs.append(run, [OutlierRestored(class_name="cat", path="a.jpg", by="ann@h")])
        run.path.rename(runs / "new")
        os.utime(runs / "new" / "events.jsonl", (time.time() - 50,) * 2)
        time.sleep(2.6)
    assert heard.names() == []


def test_an_end_between_two_looks_is_told(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    stopped = made_runs.make_run(runs, "again", made_runs.live(2))
    with Heard(runs) as heard:
        made_runs.make_run(runs, "quick", [*made_runs.live(3), END], start=made_runs.START + 9)
        made_runs.append(stopped, [made_runs.started(attempt=2), END])
        await_until(lambda: len(heard.ends) == 2)
    assert sorted(heard.names()) == ["again", "quick"]
    assert {end.outcome for end in heard.ends} == {"finished"}


@pytest.mark.parametrize(
    ("said", "outcomes"),
    [
        ([], []),
        ([StageStarted(stage="starting")], ["interrupted"]),
        ([made_runs.started(attempt=2)], ["interrupted"]),
    ],
    ids=["before it could begin", "in its first stage", "later"],
)
def test_an_engine_that_dies_over_an_old_end(tmp_path: Path, said: list[Event], outcomes: list[str]) -> None:
    runs = tmp_path / "runs"
    run = made_runs.make_run(runs, "old", made_runs.finished())
    lock = run.lock()
    with Heard(runs) as heard:
        made_runs.append(run, said)
        lock.release()
        time.sleep(2.2)
    assert [end.outcome for end in heard.ends] == outcomes


def test_nothing_lies_in_the_runs_of_who_has_no_command(tmp_path: Path) -> None:
    run = made_runs.make_run(tmp_path / "runs", "one", made_runs.live(2))
    lock = run.lock()
    with Heard(tmp_path / "runs"):
        pass
    lock.release()
    assert not attended(run)


def test_a_folder_that_cant_be_written_to_is_attended_by_nobody(tmp_path: Path) -> None:
    run = made_runs.make_run(tmp_path / "runs", "one", made_runs.live(2))
    (run.path / f".attended-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    assert Attendance.take(run) is None
    assert not (tmp_path / "elsewhere").exists()
