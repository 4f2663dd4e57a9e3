"""Panel: the outlier stage, images that could not be read, warnings."""

from collections.abc import Iterable
from itertools import islice

from rich.text import Text

from engine.state import RunState
from tui.widgets.bar import bar
from tui.widgets.look import BAD, FAINT, GOOD, MUTED, PLAIN, STRONG, TRAIN, WARN, Glyphs
from tui.widgets.panel import Panel
from tui.widgets.view import View
from tui.widgets.wording import count


class Outliers(Panel):
    """Stage progress, counts and the newest exclusions, or a plain "off"; then bad images and warnings."""

    title = "outliers"

    def facts(self, view: View) -> object:
        state = view.state
        stage = state.outliers
        newest = next(reversed(stage.excluded), None)
        return (
            stage.method, stage.current, len(stage.thresholds), len(stage.excluded), newest, stage.done,
            len(state.bad_images), state.warnings[-1] if state.warnings else None, len(state.warnings),
            state.started is None, view.alive,
        )  # fmt: skip

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        state, glyphs = view.state, view.glyphs
        if state.started is None:
            return [Text("not known yet", MUTED)]
        rows = _stage(view, width)
        trouble = _trouble(state, width, max(2, height - len(rows) - 2), glyphs)
        if state.outliers.excluded:
            room = max(1, height - len(rows) - len(trouble))
            rows += _newest(state, width, room, glyphs)
        return (rows + trouble)[:height]


def _stage(view: View, width: int) -> list[Text]:
    state, glyphs = view.state, view.glyphs
    stage = state.outliers
    if stage.method == "none":
        rows = [Text("off", STRONG).append(f" {glyphs.dash} outliers.method is none", MUTED)]
        return [Text(glyphs.cut(row.plain, width), MUTED) if row.cell_len > width else row for row in rows]
    excluded = len(stage.excluded)
    if stage.done is not None:
        row = Text("done ", GOOD).append(f"{count(excluded, 'image')} excluded", STRONG)
        row.append(f" of {stage.done.images:,}", MUTED)
        return [row]
    if stage.current is None:
        word = "waiting to begin" if view.alive and not state.epochs else "not finished"
        return [Text(glyphs.cut(f"{glyphs.clean(stage.method)}: {word}", width), MUTED)]
    now = stage.current
    head = Text(f"class {now.class_index}/{now.classes} ", PLAIN)
    head.append(glyphs.cut(glyphs.clean(now.class_name), width - head.cell_len), STRONG)
    epoch = Text(f"epoch {now.epoch}/{now.epochs} ", PLAIN)
    epoch.append(bar(now.epoch, now.epochs, max(0, min(40, width - epoch.cell_len)), TRAIN, glyphs))
    return [head, epoch, Text(f"{count(excluded, 'image')} excluded so far", MUTED)]


def _newest(state: RunState, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    rows = []
    for outlier in islice(reversed(state.outliers.excluded.values()), height):
        numbers = f" {outlier.error:.4f} > {outlier.threshold:.4f}"
        path = glyphs.cut_start(glyphs.clean(outlier.path), width - len(numbers))
        rows.append(Text(glyphs.fit(path, width - len(numbers)), PLAIN).append(numbers, MUTED))
    return rows


def _trouble(state: RunState, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    bad, warnings = state.bad_images, state.warnings
    if not bad and not warnings:
        return [Text("no bad images, no warnings", FAINT)]
    rows: list[Text] = []
    if bad:
        rows.append(Text(f"{count(len(bad), 'bad image')}, left out", BAD))
        room = max(0, (height - 2) // 2 if warnings else height - 1)
        rows += _pairs(((image.path, image.reason) for image in reversed(bad.values())), room, width, glyphs)
    if warnings:
        rows.append(Text(count(len(warnings), "warning"), WARN))
        for warning in islice(reversed(warnings), max(0, height - len(rows))):
            rows.append(Text(glyphs.cut(f"  {glyphs.clean(warning.message)}", width), MUTED))
    return rows


def _pairs(pairs: Iterable[tuple[str, str]], height: int, width: int, glyphs: Glyphs) -> list[Text]:
    """A path and its reason a row: the path's end and the reason's start tell most."""
    rows = []
    for path, reason in islice(pairs, height):
        shown = glyphs.cut_start(glyphs.clean(path), max(10, width // 2))
        row = Text(f"  {shown}", PLAIN)
        rows.append(row.append(glyphs.cut(f" {glyphs.clean(reason)}", width - row.cell_len), MUTED))
    return rows
