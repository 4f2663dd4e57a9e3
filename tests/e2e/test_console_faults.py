"""What befalls a console: signals, stops, sizes, garbage. The run goes on, the console stands, the terminal is sane."""

import itertools
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.made_history import events
from engine.journal.events import EpochEnded, Step
from engine.run.directory import RunDir
from tests.e2e.conftest import end_engine
from tests.e2e.terminal import EXECUTED, PATIENCE, PROGRAM, Terminal, command
from tests.engine.conducting import Watcher
from tests.made_data import TINY, make_pictures
from tests.tui import made_runs

pytestmark = pytest.mark.timeout(240)

SIZE = (120, 40)
SETTINGS = (
    *TINY, "data.workers=1", "data.batch_size=4", "train.epochs=9999", "schedule.patience=9999",
)  # fmt: skip
KEYBOARD = re.compile(rb"\x1b\[([<>])(\d*)u|\x1b\[\?1049([hl])")
LETTERS = re.compile(rb"[A-Za-z0-9 =/?:.,+%<>\x1b\r\t\x01-\x1a]")

WHERE = pytest.mark.parametrize("where", ["live", "runs"])


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunDir]:
    """A run that trains for hours, named ``live``."""
    home = tmp_path_factory.mktemp("faults")
    data = make_pictures(home / "data", train=100)
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    done = command("train", str(data), "--recipe", "quick", "--name", "live", "--detach", *words, cwd=home)
    assert done.returncode == 0, done
    run = RunDir(home / "runs" / "live")
    made_runs.make_run(home / "runs", "done", made_runs.finished())
    Watcher(run).until(lambda state: state.step)
    yield run
    end_engine(run)


@pytest.fixture
def console(training: RunDir, where: str) -> Iterator[Terminal]:
    opened = opens(training, where)
    yield opened
    opened.close()


def opens(training: RunDir, where: str) -> Terminal:
    opened = Terminal(
        *(("attach", "live") if where == "live" else ()),
        cwd=training.path.parents[1],
        size=SIZE,
        program=EXECUTED,
    )
    stands(opened, where)
    return opened


def stands(console: Terminal, where: str) -> None:
    """Wait for the whole of the screen that was opened."""
    if where == "live":
        console.until(
            lambda screen: "confusion" in screen and ("TRAINING" in screen or "VALIDATING" in screen),
            "the live view",
        )
    else:
        console.shows("runs in runs", "live", "done", "q leave")


def rests(console: Terminal, seconds: float = 3.0) -> float:
    """Wait until the console needs little, and return the share of a core that it last needed."""
    process, deadline = psutil.Process(console.pid), time.monotonic() + PATIENCE
    while True:
        before, since = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(seconds)
        share = float(sum(process.cpu_times()[:2]) - before) / (time.monotonic() - since)
        if share < 0.15:
            return share
        assert time.monotonic() < deadline, f"it takes {share:.0%} of a core, and does not stop"


def answers(console: Terminal, where: str) -> None:
    """See that a key still does what it does."""
    title = "closing this console" if where == "live" else "help: runs"
    console.press("?")
    console.shows(title)
    console.press("\x1b")
    console.hides(title)


def goes_on(training: RunDir, before: int) -> None:
    """See the run take further steps, told of in order: no epoch twice, no hole in the journal."""
    watcher = Watcher(training)
    watcher.look()
    watcher.until(lambda state: watcher.events[-1].seq > before + 3)
    assert [event.seq for event in watcher.events] == list(range(1, len(watcher.events) + 1))
    told = [(event.epoch, event.step) for event in watcher.events if isinstance(event, Step)]
    assert all(one < other for one, other in itertools.pairwise(told))
    ended = [event.epoch for event in watcher.events if isinstance(event, EpochEnded)]
    assert ended == list(range(1, len(ended) + 1))
    assert training.is_alive()
    assert watcher.state.paused is None


def at(training: RunDir) -> int:
    watcher = Watcher(training)
    watcher.look()
    return watcher.events[-1].seq


def draws_much(console: Terminal) -> None:
    """Have the whole screen drawn again and again: more than a terminal that takes nothing has room for."""
    for width in range(60, 200):
        console.resize(width, 40)
        time.sleep(0.02)


def comes_to_a_stop(console: Terminal) -> None:
    deadline = time.monotonic() + 10
    while psutil.Process(console.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, f"it is {psutil.Process(console.pid).status()}"
        time.sleep(0.001)


def keyboard_is_plain(output: bytes) -> bool:
    """Whether the kitty protocol's stacks of both screens are empty at the end, and the first screen is shown."""
    stacks, screen = {b"h": 0, b"l": 0}, b"l"
    for found in KEYBOARD.finditer(output):
        sign, number, turned = found.groups()
        if turned:
            screen = turned
        elif sign == b">":
            stacks[screen] += 1
        else:
            stacks[screen] = max(0, stacks[screen] - int(number or 1))
    return screen == b"l" and not any(stacks.values())


def left_well(console: Terminal) -> None:
    assert console.left_sane()
    assert keyboard_is_plain(bytes(console.output))
    assert not (trouble := re.search(rb"Traceback.*", bytes(console.output), re.DOTALL)), trouble[0].decode()


@WHERE
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_that_ends_it_leaves_the_terminal_sane(
    training: RunDir, console: Terminal, number: signal.Signals
) -> None:
    before = at(training)
    os.kill(console.pid, number)
    assert console.ended(5) == -number
    left_well(console)
    goes_on(training, before)


@WHERE
def test_stopped_and_continued(training: RunDir, console: Terminal, where: str) -> None:
    """By SIGSTOP, of which it isn't told, again and again, and by SIGTSTP; it comes back whole and ends well."""
    before = at(training)
    for number in (signal.SIGSTOP, signal.SIGSTOP, signal.SIGTSTP, signal.SIGSTOP):
        os.kill(console.pid, number)
        comes_to_a_stop(console)
        time.sleep(0.5)
        console.resize(*SIZE)  # the screen is empty: whoever had the terminal meanwhile has cleared it
        os.kill(console.pid, signal.SIGCONT)
        stands(console, where)
    answers(console, where)
    assert psutil.Process(console.pid).num_threads() <= 9
    rests(console)
    goes_on(training, before)
    os.kill(console.pid, signal.SIGTERM)
    assert console.ended(5) == -signal.SIGTERM
    left_well(console)


@WHERE
@pytest.mark.parametrize("number", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_resized_again_and_again(training: RunDir, console: Terminal, where: str, number: int) -> None:
    """A hundred times a second, to sizes of every kind."""
    before, draw = at(training), random.Random(6)
    sizes = [(1, 1), (2, 2), (500, 200), (1, 200), (500, 1), (80, 24)]
    for turn in range(number):
        console.resize(*(sizes[turn % 50] if turn % 50 < 6 else (draw.randint(1, 250), draw.randint(1, 80))))
        time.sleep(0.01)
    for size in ((1, 1), (2, 2), (500, 200)):
        console.resize(*size)
        rests(console, 1.0)
    console.resize(*SIZE)
    stands(console, where)
    answers(console, where)
    assert psutil.Process(console.pid).memory_info().rss < 250e6
    goes_on(training, before)


def noise(draw: random.Random, count: int) -> bytes:
    """Bytes of no key that does anything: no letter, digit or sign of one, no control character."""
    return LETTERS.sub(b"", draw.randbytes(count))


GARBAGE: dict[str, Callable[[random.Random], bytes]] = {
    "random bytes": lambda draw: noise(draw, 100_000),
    "no UTF-8": lambda draw: b"\xff\xfe\x80\xed\xa0\x80\xf5" * 100,
    "keys of no character": lambda draw: b"\x1b[99999999999u\x1b[97;1;99999999999u\x1b[1114112u\x1b[55296u",
    "sizes of no terminal": lambda draw: b"\x1b[48;30000;30000;1;1t\x1b[48;0;0;0;0t\x1b[<0;5;5M\x1b[<0;5;5m",
    "a mouse out of sight": lambda draw: b"\x1b[<35;99999;99999M\x1b[<35;-9;-9M\x1b[M\xff\xff\xff",
    "answers nobody asked for": lambda draw: (
        b"\x1b[?62;22c\x1b[>1;10;0c\x1b[?1;2c\x1b[0n\x1b[3;1R\x1b]11;rgb:ffff/0000/0000\x1b\\"
        b"\x1bP>|term(1 pqxcsd)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b]52;c;cXNzcXM=\x07"
    ),
    "a paste of 1 MB": lambda draw: (
        b"\x1b[200~" + b"qs\r\n\x1b[31m\x1b\x1b[qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqp" * 22_000 + b"\x1b[201~"
    ),
    "a paste without an end": lambda draw: b"\x1b[200~qsxpc\r",
    "1 MB without brackets": lambda draw: "é".encode() * 500_000,
}


@pytest.mark.parametrize("where", ["live", pytest.param("runs", marks=pytest.mark.slow)])
def test_pasted_garbage(training: RunDir, console: Terminal, where: str) -> None:
    """It neither ends the console nor does anything to the run; the keys work after it."""
    before, draw = at(training), random.Random(6)
    for name, made in GARBAGE.items():
        garbage = made(draw)
        console.paste(garbage)
        if name == "a paste without an end":
            time.sleep(6)
        rests(console, 1.0)
        stands(console, where)
        answers(console, where)
        assert psutil.Process(console.pid).memory_info().rss < 150e6, name
    goes_on(training, before)
    watcher = Watcher(training)
    watcher.look()
    assert not [event for event in watcher.events[before:] if "command" in type(event).__name__.lower()]
    console.press("qd" if where == "live" else "q")
    assert console.ended() == 0
    left_well(console)


@pytest.mark.parametrize("where", ["live"])
def test_a_terminal_that_takes_nothing_does_not_keep_it(training: RunDir, console: Terminal) -> None:
    """Output stopped, as by a line that is dead: the run goes on, and the console can still be ended."""
    before = at(training)
    console.stop_reading()
    draws_much(console)
    goes_on(training, before)
    os.kill(console.pid, signal.SIGTERM)
    assert console.ended(10) == -signal.SIGTERM


def test_after_a_kill_the_next_start_cleans_up(training: RunDir) -> None:
    """Killed with no chance to clean up; the next console on that terminal leaves it as the first found it."""
    script = f"stty -a; {PROGRAM} attach live; {PROGRAM} attach live; stty -a"
    console = Terminal(cwd=training.path.parents[1], size=SIZE, program=("sh", "-c", script))
    try:
        stands(console, "live")
        (first,) = psutil.Process(console.pid).children()
        with console.slow():
            draws_much(console)
            first.kill()  # within a frame: the terminal holds back what it has of it until one ends
        console.resize(*SIZE)
        console.until(lambda _: console.output.count(b"\x1b[?1049h") == 2, "the next console")
        # The screen still has what the first drew: the next one's own words tell that it stands.
        console.until(
            lambda _: b"early stop" in console.output.rpartition(b"\x1b[?1049h")[2], "its live view"
        )
        console.press("qd")
        assert console.ended() == 0
        left_well(console)
        found, left = (
            re.findall(rb"(?<=[ ;])-?(?:echo|icanon|isig|iexten|icrnl|ixon)(?=[ ;\r])", part)
            for part in (console.output.partition(b"\x1b[?1049h")[0], console.output.rpartition(b"1049l")[2])
        )
        assert sorted(found) == sorted(left) != []
    finally:
        console.close()


@pytest.mark.parametrize("pairs", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_stopped_while_it_draws(tmp_path: Path, pairs: int) -> None:
    """Again and again, at any moment of a replay that draws all the time: none leaves it hanging."""
    made_runs.make_run(tmp_path / "runs", "busy", [*events(300, 100), *made_runs.finished()[-1:]])
    console = Terminal("attach", "busy", "--replay", "200", cwd=tmp_path, size=(200, 60))
    try:
        console.shows("accuracy", "confusion")
        chance = random.Random(2)
        for number in [signal.SIGTSTP, signal.SIGSTOP] * pairs:
            time.sleep(chance.uniform(0, 0.05))
            os.kill(console.pid, number)
            comes_to_a_stop(console)
            console.resize(200, 60)
            os.kill(console.pid, signal.SIGCONT)
            console.shows("accuracy", "confusion")
        console.press("q")
        assert console.ended() == 0
        left_well(console)
    finally:
        console.close()
