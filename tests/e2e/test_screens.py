"""Every screen on a real terminal of three sizes, on real runs: opened by its keys, used, looked at, left."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engine.control.commands import Pause
from engine.core.text import printable
from engine.run.directory import RunDir, find_runs
from engine.run.labels import read_labels
from tests import warm
from tests.e2e import on_a_run
from tests.e2e.conftest import end_engine
from tests.e2e.terminal import ESCAPE, PROGRAM, Terminal, command
from tests.engine.conducting import Watcher
from tests.made_data import TINY, make_pictures

pytestmark = pytest.mark.timeout(240)

SIZES = [(80, 24), (120, 40), (200, 60)]
# A sixth of the pictures left out, and a rate so low that some are still taken for others in the end.
SETTINGS = (
    *TINY, "optim.lr=0.0001", "train.epochs=6", "schedule.patience=20", "outliers.method=autoencoder",
    "outliers.epochs=2", "outliers.size=32", "outliers.percentile=80", "outliers.relax=0",
)  # fmt: skip
# And the last epoch is the best, whatever the processor's rounding makes of the numbers.
SCORES = """
import sys

if sys.orig_argv[2:4] == ["-m", "engine"]:
    from tests.engine.scores import make_scores

    make_scores(val_acc=[100 * right / 18 for right in (7, 8, 9, 10, 11, 12)])
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with two finished runs, ``one`` and ``two``, and ``live``, paused."""
    home = tmp_path_factory.mktemp("screens")
    data = make_pictures(home / "data", train=10, val=6, test=4)
    (home / "scores").mkdir()
    (home / "scores/sitecustomize.py").write_text(SCORES)
    scored = ("env", f"PYTHONPATH={home / 'scores'}:{warm.ROOT}", str(PROGRAM))
    train(data, home, "one", "--headless", program=scored)
    train(data, home, "two", "--headless", "train.seed=2", program=scored)
    train(
        data, home, "live", "--detach", "outliers.method=none", "train.epochs=9999", "schedule.patience=9999"
    )
    watcher = Watcher(RunDir(home / "runs" / "live"))
    watcher.until(lambda state: state.epochs)
    watcher.ask(Pause())
    yield home
    for run, *_ in find_runs(home / "runs"):
        end_engine(run)


def train(
    data: Path, home: Path, name: str, how: str, *settings: str, program: Sequence[str] = (str(PROGRAM),)
) -> None:
    words = ["train", str(data), "--recipe", "quick", how, "--name", name]
    words += [word for one in (*SETTINGS, *settings) for word in ("--set", one)]
    answer = command(*words, cwd=home, program=program)
    assert answer.returncode == 0, answer


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.usefixtures("home")
def test_every_screen(done: Path, size: tuple[int, int]) -> None:
    runs = done / "runs"
    one = RunDir(runs / "one")
    console = Terminal(cwd=done, size=size)
    try:
        console.shows("runs in runs", "live", "one", "two", f"{on_a_run.state_of(one).epochs[-1].best:.2f} %")
        help_and_themes(console)
        labels(console, runs, f"size{size[0]}")
        name_and_trash(console, runs)
        comparison(console, runs)
        models(console)
        new_run(console, done)
        on_a_run.live_view(console, one)
        on_a_run.panels_over_the_screen(console, one)
        on_a_run.log(console, one)
        on_a_run.confusion(console, one)
        on_a_run.predictions(console, one)
        on_a_run.outliers(console, one)
        on_a_run.replay(console, one)
        on_a_run.back_to_the_list(console)
        on_a_run.steering(console, RunDir(runs / "live"), f"{size[0] / 1e5:g}")
        if size == SIZES[-1]:
            started_from_the_form(console, runs)
        console.press("q")
        assert console.ended() == 0
        assert console.left_sane()
        assert b"Traceback" not in console.output
        assert re.fullmatch(r"run \S+ (is paused in epoch|finished, best) .*", console.last_words()), (
            console.last_words()
        )
    finally:
        console.close()


def help_and_themes(console: Terminal) -> None:
    console.press("?")
    console.shows("help: runs", "duration<2h", "vrdl-tui runs --empty-trash")
    console.press(ESCAPE)
    console.hides("duration<2h")
    console.press("\x10")
    console.shows("type to find", "timm's, with figures and weights here", "leave vrdl-tui")
    console.press(ESCAPE)
    console.hides("type to find")
    dark = console.ground
    for ground in ("ffffff", "000000"):
        console.press("T")
        console.until(lambda _, ground=ground: console.ground == ground, f"a ground of {ground}")
    console.press("TT")
    console.until(lambda _: console.ground == dark, "the dark theme")


def labels(console: Terminal, runs: Path, tag: str) -> None:
    """Find a run, by keys that come in one piece, tag it and write a note."""
    console.press("/name:one\r")
    console.shows("name:one", "1 of 1 found in 3")
    console.hides("two ")
    console.press(f"t\x15{tag}\r")
    console.shows("one: tags kept", tag)
    console.press(f"N\x15seen with {tag}\r")
    console.shows("one: note kept")
    kept = read_labels(RunDir(runs / "one"))
    assert (kept.tags, kept.note) == ((tag,), f"seen with {tag}")
    console.press(ESCAPE)
    console.hides("found in 3")
    console.shows("two ")


def name_and_trash(console: Terminal, runs: Path) -> None:
    """Rename a run and back, throw it away and bring it back: it is where the cursor is."""
    console.press("n\x15first\r")
    console.shows("one is now first")
    console.until(re.compile(r"▶ .*finished +first").search, "the cursor on the renamed run")
    assert (runs / "first" / "events.jsonl").exists()
    console.press("n\x15one\r")
    console.shows("first is now one")
    console.until(re.compile(r"▶ .*finished +one").search, "the cursor on the renamed run")
    console.press("d")
    console.shows("one moved to the trash: u brings it back")
    console.until(lambda screen: not re.search("finished +one", screen), "the run to go")
    assert not (runs / "one").exists()
    console.press("u")
    console.shows("one back from the trash")
    console.until(re.compile(r"▶ .*finished +one").search, "the run back in the list")
    assert (runs / "one" / "events.jsonl").exists()


def comparison(console: Terminal, runs: Path) -> None:
    console.press("/finished\r")
    console.shows(" of 2 found in 3")
    console.press("\x01")
    console.shows("2 marked", "m compare")
    console.press("m")
    best = [on_a_run.state_of(RunDir(runs / name)).epochs[-1].best for name in ("one", "two")]
    console.shows("compare 2 runs", "validation accuracy", "95 % interval", *(f"{one:.2f} %" for one in best))
    console.press("y")
    console.shows("─ training accuracy ─")
    if "tab recipes" in console.text:
        console.press("\t")
    console.shows("what their recipes differ in", "train.seed")
    console.press("?")
    console.shows("More than noise: p below 0.05")
    console.press(ESCAPE)
    console.hides("More than noise: p below 0.05")
    before = set(runs.glob("*.csv"))
    console.press("e")
    console.shows("export the comparison", "all three")
    console.press("c")
    console.shows("written: ")
    (table,) = set(runs.glob("*.csv")) - before
    assert len(table.read_text().splitlines()) == 1 + 2 * 6
    console.press(ESCAPE)
    console.shows("runs in runs", "2 marked", "found in 3")
    console.press(ESCAPE)
    console.shows("2 marked", " of 3 ─╯")
    console.press(ESCAPE)
    console.until(lambda screen: " of 3 ─╯" in screen and "marked" not in screen, "nothing marked")


def models(console: Terminal) -> None:
    console.press("M")
    console.shows("with weights here", "the report's candidates", "◆ ecaresnet269d.ra2_in1k")
    console.press("resnet18.a1_in1k")
    console.shows("models 1 model of", "▶ resnet18.a1_in1k", "11.7 million", "top-1 73.16 %")
    console.press(ESCAPE)
    console.shows("s sort", "esc back")
    console.press("/\x15no such model")
    console.shows("no model fits", "what can be typed")
    console.press(ESCAPE)
    console.shows("esc to the list", "◆ ecaresnet269d.ra2_in1k")
    console.press(ESCAPE)
    console.shows("s sort", "esc back")
    console.press("?")
    console.shows("help: models", "licence:mit, here (weights on this machine), candidate")
    console.press(ESCAPE)
    console.hides("help: models")
    console.press(ESCAPE)
    console.shows("runs in runs")


def new_run(console: Terminal, home: Path) -> None:
    """Fill the form as far as it can begin, and leave it."""
    console.press("a")
    console.shows("new run in runs", "pick the data folder first: Enter on its row", "as the preset has it")
    console.press("\r")
    console.shows("data folder of the new run", "folders", "classes")
    console.press(f"/\x15{home / 'data'}\r")
    console.shows("new run in", "ready: r starts it", "3 classes, 30 train", "--recipe quick")
    console.press("?")
    console.shows("help: new run", "copy the command line that starts the same run")
    console.press(ESCAPE)
    console.hides("help: new run")
    console.press("\x1b[B\r")
    console.shows("What you changed in the form stays changed.", "report")
    console.press(ESCAPE)
    console.hides("What you changed in the form")
    console.press(ESCAPE)
    console.shows("runs in runs", "finished")


def started_from_the_form(console: Terminal, runs: Path) -> None:
    """Start a run like ``one`` from its form, and see it to its end."""
    before = {found.run for found in find_runs(runs)}
    console.press("/name:one\r")
    console.shows("1 of 1 found in 3")
    console.press("A")
    console.shows("new run as one in runs", "ready: r starts it")
    console.until(re.compile(r"\blr +0\.0001 ").search, "the rate of the run")
    console.press("r")
    console.shows(*on_a_run.PANELS)
    console.shows("FINISHED", "epoch 6/6", "prediction of 4 images written")
    (run,) = {found.run for found in find_runs(runs)} - before
    last = on_a_run.state_of(run).epochs[-1]
    console.until(on_a_run.percents(val=last.val_acc, best=last.best), "the newest figures")
    console.shows(printable(run.name), "6 of 30 images left out")
    on_a_run.back_to_the_list(console)
    console.shows("4 runs", printable(run.name))
