"""What the full screens and the searched log look like."""

from collections.abc import Awaitable, Callable

import made_runs
import msgspec
import pytest
from test_zoom import sample, with_samples
from textual.pilot import Pilot
from watching import plotted, shows

from engine.journal.events import Event
from engine.run.directory import RunDir
from tui.app import ConsoleApp

Snap = Callable[..., bool]
Make = Callable[..., RunDir]
Console = Callable[..., ConsoleApp]
SIZES = [(80, 24), (120, 40), (200, 60)]


def pressing(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def press(pilot: Pilot[int]) -> None:
        await plotted(pilot)
        await pilot.press(*keys)
        await pilot.pause()

    return press


def on_a_gpu() -> list[Event]:
    gpu = {"gpu_memory_used": 30 * 10**9, "gpu_memory_total": 80 * 10**9, "gpu_temperature": 86.0}
    samples = [sample(n, gpu_percent=60.0 + n % 30, gpu_power=250.0 + n, **gpu) for n in range(60)]
    return with_samples(*samples, data_wait=14.0)


def hundred() -> list[Event]:
    names = [f"class {n} with a rather long name" if n % 3 else f"c{n}" for n in range(100)]
    newest = msgspec.structs.replace(made_runs.matrix(5, 100, each=60), path="")
    return [made_runs.started(), made_runs.scanned(names), *made_runs.history(4, classes=100), newest]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("make_events", "keys"),
    [
        pytest.param(made_runs.live, ("1", "S", "comma", "comma"), id="curves"),
        pytest.param(on_a_gpu, ("z",), id="system"),
        pytest.param(hundred, ("4", "a"), id="hundred-classes"),
        pytest.param(made_runs.live, ("3",), id="early-stop"),
    ],
)
def test_full_screen(
    snap_compare: Snap,
    make: Make,
    console: Console,
    make_events: Callable[[], list[Event]],
    keys: tuple[str, ...],
    size: tuple[int, int],
) -> None:
    run = make(make_events(), alive=True)
    assert snap_compare(console(run), terminal_size=size, run_before=pressing(*keys))


@pytest.mark.parametrize("number", range(1, 7))
def test_nothing_yet(snap_compare: Snap, make: Make, console: Console, number: int) -> None:
    run = make([made_runs.started()], alive=True)
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=pressing(str(number)))


def test_thousands_of_epochs(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(
        [made_runs.started(epochs=3000), *made_runs.history(3000, every=400, patience=9999)], alive=True
    )
    keys = ("1", "y", "y", "y", "g", "S")
    assert snap_compare(console(run), terminal_size=(120, 40), run_before=pressing(*keys))


def test_curves_in_ascii(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    assert snap_compare(
        console(run, ascii=True), terminal_size=(80, 24), run_before=pressing("1", "S", "comma")
    )


def test_curves_without_colour(
    snap_compare: Snap, make: Make, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run = make(made_runs.live(), alive=True)
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=pressing("1", "y"))


def test_a_focused_panel(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=pressing("tab"))


def test_help(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    assert snap_compare(console(run), terminal_size=(80, 24), run_before=pressing("1", "question_mark"))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_searched_log(snap_compare: Snap, make: Make, console: Console, size: tuple[int, int]) -> None:
    run = make(made_runs.live(), alive=True)
    keys = ("l", "slash", *"epoch", "enter", "N")
    assert snap_compare(console(run), terminal_size=size, run_before=pressing(*keys))


def test_engine_log(snap_compare: Snap, make: Make, console: Console) -> None:
    run = make(made_runs.live(), alive=True)
    run.engine_log.write_text("".join(f"a line of the engine, number {n}\n" for n in range(200)))

    async def press(pilot: Pilot[int]) -> None:
        await pressing("l", "E")(pilot)
        await shows(pilot, "number 199")

    assert snap_compare(console(run), terminal_size=(80, 24), run_before=press)
