"""The themes: each readable, each on the whole screen, switched while the console runs."""

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import made_runs
import pytest
from rich.color import Color, ColorSystem
from rich.style import Style
from textual.pilot import Pilot
from watching import plotted, screen_text, shows, until

from engine.run.directory import RunDir
from tui.app import ConsoleApp
from tui.settings import Memory
from tui.theme_names import THEME_NAMES
from tui.themes import PALETTES, in_theme
from tui.widgets import look
from tui.widgets.look import DARK, Palette

TEXTS = ("ink", "strong", "muted", "faint", "green", "blue", "yellow", "purple", "red")


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [channel / 255 for channel in Color.parse(colour).get_truecolor()]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def grounds(palette: Palette) -> list[tuple[str, str]]:
    """Return all pairs of text and ground that the widgets draw."""
    pairs = [(getattr(palette, text), palette.ground) for text in TEXTS]
    pairs += [(palette.muted, palette.raised), (palette.blue, palette.raised)]
    pairs += [(palette.ink, palette.right_few), (palette.ink, palette.wrong_few)]
    pairs += [(palette.strong, palette.right_some), (palette.strong, palette.wrong_some)]
    bright = ("right_most", "red", "green", "blue", "yellow", "purple")
    return [*pairs, *((palette.ground, getattr(palette, cell)) for cell in bright)]


@pytest.mark.parametrize("name", THEME_NAMES)
def test_every_text_can_be_read(name: str) -> None:
    least = min(contrast(*pair) for pair in grounds(PALETTES[name]))
    assert least >= (7.0 if name == "high-contrast" else 4.0 if name != "dark" else 3.9), least


@pytest.mark.parametrize("name", THEME_NAMES)
@pytest.mark.parametrize("colours", [ColorSystem.STANDARD, ColorSystem.EIGHT_BIT])
def test_every_text_can_be_read_with_few_colours(name: str, colours: ColorSystem) -> None:
    palette = PALETTES[name]
    for text in TEXTS:
        ink, ground = (Color.parse(getattr(palette, part)).downgrade(colours) for part in (text, "ground"))
        assert ink != ground, text


def test_each_style_of_the_dark_palette_has_its_like_in_the_others() -> None:
    assert len(set(asdict(DARK).values())) == len(asdict(DARK)), "a colour for two things can't be told apart"
    for name in THEME_NAMES:
        for style, part in (
            (look.VAL, "green"),
            (look.BAD, "red"),
            (look.PLAIN, "ink"),
            (look.RATE, "purple"),
        ):
            assert themed(style, name) == Style(bold=style.bold, color=getattr(PALETTES[name], part))
    ground = Style.parse(f"bold {DARK.ground} on {DARK.green}")
    assert themed(ground, "light") == Style.parse(f"bold #ffffff on {PALETTES['light'].green}")
    other = Style.parse("italic #123456")
    assert themed(other, "light") == other


def test_no_colour_is_written_anywhere_that_the_other_themes_lack() -> None:
    known = set(asdict(DARK).values())
    for path in sorted((Path(__file__).parents[2] / "tui").rglob("*.*")):
        if path.suffix in (".py", ".tcss") and path.name != "themes.py":
            written = set(re.findall(r"#[0-9a-f]{6}\b", path.read_text()))
            assert written <= (known if path.suffix == ".py" else set()), path


def themed(style: Style, name: str) -> Style:
    from rich.segment import Segment
    from textual.strip import Strip

    (segment,) = in_theme(Strip([Segment("x", style)]), name)
    assert segment.style is not None
    return segment.style


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", THEME_NAMES)
def test_live_view(
    snap_compare: Callable[..., bool],
    make: Callable[..., RunDir],
    console: Callable[..., ConsoleApp],
    name: str,
    size: tuple[int, int],
) -> None:
    run = make(made_runs.live(), alive=True)

    async def choose(pilot: Pilot[int]) -> None:
        await plotted(pilot)
        await pilot.app.run_action(f"theme('{name}')")
        await pilot.pause()

    assert snap_compare(console(run), terminal_size=size, run_before=choose)


async def test_t_goes_through_them_and_the_whole_screen_follows(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    app = console(make(made_runs.live(), alive=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await plotted(pilot)
        text, seen = screen_text(pilot), []
        for _ in THEME_NAMES:
            await pilot.press("T")
            await pilot.pause()
            seen.append(app.theme)
            assert not strange(pilot, app.theme)
            assert screen_text(pilot) == text
    assert seen == [*THEME_NAMES[1:], THEME_NAMES[0]]


def strange(pilot: Pilot[int], name: str) -> set[str]:
    """Return what is shown in none of a theme's colours; Textual's own may be one off after its arithmetic."""
    own = [Color.parse(colour).get_truecolor() for colour in asdict(PALETTES[name]).values()]

    def far(colour: str) -> bool:
        channels = Color.parse(colour).get_truecolor()
        return all(max(abs(a - b) for a, b in zip(channels, one, strict=True)) > 1 for one in own)

    return {colour for colour in shown_colours(pilot) if far(colour)}


def shown_colours(pilot: Pilot[int]) -> set[str]:
    """Return the colours of all that is on the screen, as ``#rrggbb``."""
    styles = [s.style for strip in pilot.app.screen._compositor.render_strips() for s in strip if s.style]
    colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour is not None]
    return {colour.get_truecolor().hex for colour in colours}


async def test_the_palette_of_commands_finds_each(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp]
) -> None:
    app = console(make(made_runs.live(), alive=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await shows(pilot, "theme: the next one")
        await pilot.press(*"theme")
        await shows(pilot, *(f"theme: {name}" for name in THEME_NAMES))
        await pilot.press("space", *"light")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "light")
        await pilot.pause()
        assert not strange(pilot, "light")


async def test_the_list_of_runs_and_boxes_follow_too(make: Callable[..., RunDir], tmp_path: Path) -> None:
    make(made_runs.finished(), alive=False)
    memory = Memory()
    memory.keep(theme="light")
    app = ConsoleApp(tmp_path / "runs", None, memory=memory)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "finished")
        assert PALETTES["dark"].ground not in shown_colours(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        assert PALETTES["dark"].ink not in shown_colours(pilot)


async def test_without_colour_it_stays_without(
    make: Callable[..., RunDir], console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = console(make(made_runs.live(), alive=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await plotted(pilot)
        await pilot.press("T")
        await pilot.pause()
        assert app.theme == "light"
        output = app.export_screenshot()
    assert PALETTES["light"].green not in output
