"""Panel: the outlier stage, images that could not be read, warnings."""

from itertools import islice

from rich.cells import cell_len
from rich.text import Text

from engine.events import BadImage
from engine.state import RunState
from tui.widgets.bar import bar
from tui.widgets.look import BAD, FAINT, GOOD, MUTED, PLAIN, STRONG, TRAIN, WARN, Glyphs, styled
from tui.widgets.panel import Panel
from tui.widgets.view import View
from tui.widgets.wording import count
from tui.widgets.wrapping import wrap


class Outliers(Panel):
    """Stage progress, counts and the newest exclusions, or a plain "off"; then bad images and warnings."""

    title = "outlier log"

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
            return [styled("not known yet", MUTED)]
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
        why = " (outliers.method is none)" if width >= 29 else " (method: none)"
        return [styled("off", STRONG).append(why, MUTED)]
    excluded = len(stage.excluded)
    if stage.done is not None:
        row = styled("done ", GOOD).append(f"{count(excluded, 'image')} excluded", STRONG)
        row.append(f" of {stage.done.images:,}", MUTED)
        return [row]
    if stage.current is None:
        word = "waiting to begin" if view.alive and not state.epochs else "not finished"
        return [styled(glyphs.cut(f"{glyphs.clean(stage.method)}: {word}", width), MUTED)]
    now = stage.current
    head = styled(f"class {now.class_index}/{now.classes} ", PLAIN)
    head.append(glyphs.cut(glyphs.clean(now.class_name), width - head.cell_len), STRONG)
    epoch = styled(f"epoch {now.epoch}/{now.epochs} ", PLAIN)
    epoch.append(bar(now.epoch, now.epochs, max(0, min(40, width - epoch.cell_len)), TRAIN, glyphs))
    return [head, epoch, styled(f"{count(excluded, 'image')} excluded so far", MUTED)]


def _newest(state: RunState, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    rows = []
    for outlier in islice(reversed(state.outliers.excluded.values()), height):
        numbers = f" {outlier.error:.4f} > {outlier.threshold:.4f}"
        path = glyphs.cut_start(glyphs.clean(outlier.path), width - len(numbers))
        rows.append(styled(glyphs.fit(path, width - len(numbers)), PLAIN).append(numbers, MUTED))
    return rows


def _trouble(state: RunState, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Bad images with their reasons, then warnings, newest first, wrapped; each has half of the rows."""
    bad, warnings = state.bad_images, state.warnings
    if not bad and not warnings:
        return [styled("no bad images, no warnings", FAINT)]
    told: list[Text] = []
    if warnings:
        told.append(styled(count(len(warnings), "warning"), WARN))
        for warning in islice(reversed(warnings), height):
            told += [styled(f"  {row}", MUTED) for row in wrap(glyphs.clean(warning.message), width - 2)]
    rows: list[Text] = []
    if bad:
        rows.append(styled(f"{count(len(bad), 'bad image')}, left out", BAD))
        for image in islice(reversed(bad.values()), height):
            rows += _bad_image(image, width, glyphs)
        del rows[max(height // 2, height - len(told)) :]
    return rows + told[: height - len(rows)]


def _bad_image(image: BadImage, width: int, glyphs: Glyphs) -> list[Text]:
    """Path and reason in one row where they fit, else in a row each: of a path the end tells most."""
    path, reason = glyphs.clean(image.path), glyphs.clean(image.reason)
    if cell_len(path) + cell_len(reason) + 3 <= width:
        return [styled(f"  {path}", PLAIN).append(f" {reason}", MUTED)]
    rows = [styled(f"  {row}", MUTED) for row in wrap(reason, width - 2)]
    return [styled(f"  {glyphs.cut_start(path, width - 2)}", PLAIN), *rows]
