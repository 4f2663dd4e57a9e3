"""What went wrong without ending the run: images that could not be read, and warnings."""

from itertools import islice

from rich.cells import cell_len
from rich.text import Text

from engine.core.text import count
from engine.journal.events import BadImage
from engine.journal.state import RunState
from tui.widgets.look import BAD, FAINT, MUTED, PLAIN, WARN, Glyphs, styled
from tui.widgets.wrapping import wrap


def trouble_facts(state: RunState) -> tuple[object, ...]:
    """Return all that ``trouble`` depends on."""
    return len(state.bad_images), len(state.warnings), state.warnings[-1] if state.warnings else None


def trouble(state: RunState, width: int, height: int, glyphs: Glyphs) -> list[Text]:
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
