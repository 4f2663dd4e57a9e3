"""How an ablation stands, in words."""

from typing import TYPE_CHECKING

from rich.style import Style

from engine.core.text import count
from tui.widgets.look import BAD, GOOD, KEY, WARN, Glyphs

if TYPE_CHECKING:
    from tui.ablations import Standing

_AGAIN = "; the same command goes on"


def under_way(one: "Standing") -> str:
    """Say in a few words where an ablation is that is being worked on."""
    if one.current:
        return f"{one.folder.name}: run {one.finished + 1:,} of {one.planned:,}, {one.current}"
    what = "drawing its plots" if one.finished == one.planned else "starting a run"
    return f"{one.folder.name}: {one.finished:,} of {count(one.planned, 'run')}, {what}"


def standing_words(one: "Standing", glyphs: Glyphs) -> tuple[str, Style]:
    """Say how an ablation stands, and where its figures are once there are any."""
    name = one.folder.name
    if one.alive:
        return glyphs.clean(under_way(one)), KEY
    if one.done:
        where = glyphs.clean(str(one.folder))
        return f"{name}: done; plots (PNG), runs.csv and effects.csv are in {where}", GOOD
    said = one.said.removesuffix(_AGAIN)
    why = f"; {said}" if said and one.finished < one.planned else ""
    text = f"{name}: stands at {one.finished:,} of {count(one.planned, 'run')}{why}"
    failed = "failed" in said or "broke off" in said
    return glyphs.clean(text), BAD if failed else WARN
