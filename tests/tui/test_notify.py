"""A word when a run ends while a console is open: bell, terminal notices, a person's own command."""

import asyncio
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import made_runs
import pytest
from textual.pilot import Pilot
from watching import PlayedEngine, plotted, shows, until

from engine.journal.events import EpochStarted, RunEnded, StageStarted
from engine.journal.state import RunState
from engine.run.directory import RunDir
from engine.run.notify import Ending, Notices, Settings
from tests.e2e.terminal import Terminal
from tui.app import ConsoleApp
from tui.notify import announce, ending

RUN = RunDir(Path("runs/first"))
END = RunEnded(
    outcome="failed", reason="out of\x1b memory; sorry", epoch=3, best=88.25, best_epoch=2, exit_code=1
)


def told(wanted: Notices, end: Ending, **environ: str) -> str:
    output: list[str] = []
    announce(end, wanted, output.append, environ)
    return "".join(output)


def test_the_bell_is_all_there_is_by_default() -> None:
    assert told(Notices(), Ending(RUN, "finished", "", 90.0)) == "\a"
    assert told(Notices(bell=False), Ending(RUN, "finished", "", 90.0)) == ""


def test_terminal_notices_hold_nothing_that_steers_a_terminal() -> None:
    end = Ending(RUN, END.outcome, END.reason, END.best)
    text = "first failed, best 88.25: out of\\x1b memory, sorry"
    assert told(Notices(bell=False, desktop="osc9"), end) == f"\x1b]9;{text}\a"
    assert told(Notices(desktop="osc777"), end) == f"\a\x1b]777;notify;vrdl-tui;{text}\a"
    wrapped = f"\x1bPtmux;\x1b\x1b]9;{text}\a\x1b\\"
    assert told(Notices(bell=False, desktop="osc9"), end, TMUX="/tmp/tmux,1,0") == wrapped


def test_what_counts_as_an_end() -> None:
    state = RunState()
    state.apply_all(made_runs.live())
    assert ending(RUN, [END], state, True, True) == Ending(RUN, "failed", END.reason, 88.25)
    assert ending(RUN, [EpochStarted(epoch=1, epochs=2, lr=1, steps=3)], state, True, True) is None
    assert ending(RUN, [], state, False, False) is None
    lost = ending(RUN, [], state, True, False)
    assert lost is not None
    assert (lost.outcome, lost.best) == ("interrupted", state.early_stop.best)
    state.apply(END)
    assert ending(RUN, [], state, True, False) is None, "it was told when its last word came"
    state.apply(StageStarted(stage="starting", seq=10_000))
    assert ending(RUN, [], state, True, False) is not None, "begun again, and gone"


def attended(run: RunDir) -> bool:
    """Whether someone has taken it on to start the command at the run's end."""
    return (run.path / f".attended-{os.getuid()}").exists()


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


async def end_of_run(
    make: Callable[..., RunDir], tmp_path: Path, notices: Notices, then: Callable[[Pilot[int]], object]
) -> None:
    """Watch a run end in a console with these settings."""
    run = make(made_runs.live(), alive=True)
    app = ConsoleApp(tmp_path / "runs", run, settings=Settings(notify=notices))
    async with app.run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await until(pilot, lambda: attended(run) or not notices.command)
        PlayedEngine(run).says(END)
        await until(pilot, lambda: then(pilot))


async def test_the_persons_command_knows_the_run(make: Callable[..., RunDir], tmp_path: Path) -> None:
    out = tmp_path / "out"
    body = (
        "import os, sys\n"
        "names = ('RUN', 'PATH', 'OUTCOME', 'REASON', 'BEST')\n"
        "text = '|'.join([*sys.argv[1:], *(os.environ['VRDL_' + name] for name in names)])\n"
        f"open({str(out) + '.new'!r}, 'w').write(text)\n"
        f"os.rename({str(out) + '.new'!r}, {str(out)!r})\n"
    )
    command = [str(script(tmp_path / "told", body)), "$HOME; a b"]
    await end_of_run(make, tmp_path, Notices(command=command), lambda _: out.exists())
    name = made_runs.MODEL
    parts = out.read_text().split("|")
    assert parts[0] == "$HOME; a b", "no shell came between"
    assert parts[1].endswith(name)
    assert parts[2:] == [str(tmp_path / "runs" / parts[1]), "failed", "out of\\x1b memory; sorry", "88.25000"]


@pytest.mark.parametrize(
    ("name", "word"),
    [("missing", "can't be started: No such file or directory"), ("bad", "ended with exit code 3")],
)
async def test_a_command_that_fails_is_a_line_in_the_log(
    make: Callable[..., RunDir], tmp_path: Path, name: str, word: str
) -> None:
    script(tmp_path / "bad", "raise SystemExit(3)\n")
    run = make(made_runs.live(), alive=True)
    notices = Notices(command=[str(tmp_path / name)])
    app = ConsoleApp(tmp_path / "runs", run, settings=Settings(notify=notices))
    async with app.run_test(size=(200, 40)) as pilot:
        await plotted(pilot)
        await pilot.press("l")
        await until(pilot, lambda: attended(run))
        PlayedEngine(run).says(END)
        await shows(pilot, f"{name} {word}")


async def test_a_slow_command_keeps_nobody_waiting(make: Callable[..., RunDir], tmp_path: Path) -> None:
    marker = tmp_path / "begun"
    slow = script(tmp_path / "slow", f"open({str(marker)!r}, 'w')\nimport time\ntime.sleep(40)\n")
    begun = asyncio.get_running_loop().time()
    await end_of_run(make, tmp_path, Notices(command=[str(slow)]), lambda _: marker.exists())
    assert asyncio.get_running_loop().time() - begun < 30


async def test_a_run_that_had_ended_before_says_nothing(make: Callable[..., RunDir], tmp_path: Path) -> None:
    marker = tmp_path / "told"
    command = [str(script(tmp_path / "tell", f"open({str(marker)!r}, 'w')\n"))]
    run = make(made_runs.finished(), alive=False)
    app = ConsoleApp(tmp_path / "runs", run, settings=Settings(notify=Notices(command=command)))
    async with app.run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        await pilot.press("R")
        await shows(pilot, "REPLAY")
        await pilot.press("end")
        await shows(pilot, "at the end", "EARLY STOP")
        await asyncio.sleep(0.5)
    assert not marker.exists()


def test_a_real_terminal_is_rung_and_asked_for_a_notice(
    make: Callable[..., RunDir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "vrdl-tui").mkdir()
    (tmp_path / "vrdl-tui" / "settings.toml").write_text('[notify]\ndesktop = "osc9"\n')
    run = make(made_runs.live(), alive=True, name="first")
    terminal = Terminal("attach", "first", cwd=tmp_path)
    try:
        terminal.shows("TRAINING", "accuracy")
        assert b"\x1b]9;" not in terminal.output
        PlayedEngine(run).says(END)
        terminal.shows("out of")
        terminal.until(lambda _: b"\x1b]9;" in terminal.output, "the notice")
    finally:
        terminal.close()
    notice = "first failed, best 88.25: out of\\x1b memory, sorry"
    assert b"\a\x1b]9;" + notice.encode() + b"\a" in terminal.output
