"""What stands above and below the curves: how they are drawn, and every figure of one epoch."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from engine.journal.events import EpochEnded
from engine.journal.state import RunState
from tui.widgets.look import BEST, FAINT, KEY, MUTED, PLAIN, RATE, STRONG, TRAIN, VAL, Glyphs, styled
from tui.widgets.plot_marks import SEVERAL, Mark
from tui.widgets.plot_series import Shown, quantities, series_of, sign
from tui.widgets.plot_span import RECENT, Span
from tui.widgets.wording import duration, learning_rate, percent, rate, score
from tui.widgets.wrapping import wrap

_GAP = "  "


def legend(
    shown: Shown, span: Span | None, recent: bool, log: bool, smoothing: float, marks: Sequence[Mark], width: int,
    glyphs: Glyphs,
) -> Text:  # fmt: skip
    """Say what each sign means and how the curves are drawn, as much of it as fits."""
    parts = [
        styled(f"{sign(one, glyphs)} ", one.style).append(one.name, MUTED)
        for one in reversed(series_of(quantities(shown)[0]))
    ]
    where = (
        f"epochs {span[0]:.0f}{glyphs.dash}{span[1]:.0f}" if span else f"last {RECENT}" if recent else "all"
    )
    parts.append(styled(where, PLAIN))
    if log and shown != "accuracy":
        parts.append(styled("log axis", PLAIN))
    if smoothing:
        parts.append(styled(f"smoothing {smoothing:g}", PLAIN).append(", raw faint", MUTED))
    return as_many([*parts, *kinds(marks)], width)


def kinds(marks: Sequence[Mark]) -> list[Text]:
    """Say what each letter among ``marks`` means, and the sign of several where an epoch has them."""
    words = {mark.letter: (mark.word, mark.style) for mark in marks}
    letters = {(mark.epoch, mark.letter) for mark in marks if mark.style != BEST}
    if len(letters) > len({epoch for epoch, _ in letters}):
        words[SEVERAL] = "several", KEY
    return [styled(f"{letter} ", style).append(word, MUTED) for letter, (word, style) in words.items()]


def reading(epoch: EpochEnded, state: RunState, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Every figure of ``epoch``, in as many rows of ``width`` cells as it takes, at most ``height``."""
    val = percent(epoch.val_acc)
    if epoch.val_acc_low is not None and epoch.val_acc_high is not None:
        val += f" ({epoch.val_acc_low:.1f}{glyphs.dash}{epoch.val_acc_high:.1f})"
    monitor = state.early_stop.monitor
    figures: list[tuple[str, str, Style]] = [
        ("epoch", f"{epoch.epoch}", STRONG),
        ("val", val, VAL),
        ("train", percent(epoch.train_acc), TRAIN),
        ("val loss", f"{epoch.val_loss:.5f}", VAL),
        ("train loss", f"{epoch.train_loss:.5f}", TRAIN),
        ("LR", learning_rate(epoch.lr), RATE),
        ("best", f"{score(monitor, epoch.best)} epoch {epoch.best_epoch}", BEST),
        ("took", duration(epoch.seconds), PLAIN),
        ("speed", f"{rate(epoch.images_per_s)} img/s", PLAIN),
    ]
    rows = [Text()]
    for label, value, style in figures:
        part = styled(f"{label} ", MUTED).append(value, style)
        if rows[-1].cell_len and rows[-1].cell_len + len(_GAP) + part.cell_len > width:
            rows.append(Text())
        rows[-1].append(_GAP if rows[-1].cell_len else "").append(part)
    return rows[:height]


def befell_height(marks: Sequence[Mark], width: int, most: int) -> int:
    """Return how many rows ``befell`` takes at most, whatever the epoch: 1 to ``most``."""
    by_epoch: dict[int, list[Mark]] = {}
    for mark in marks:
        by_epoch.setdefault(mark.epoch, []).append(mark)
    return min(most, max((len(_told(own, width)) for own in by_epoch.values()), default=1))


def befell(
    marks: Sequence[Mark], epoch: int, width: int, height: int, glyphs: Glyphs, *, newest: bool
) -> list[Text]:
    """Say in ``height`` rows what befell the run in ``epoch``; empty rows for nothing.

    ``newest``: it is the last one that has ended; what befell the one under way is said with it.
    """
    here = [mark for mark in marks if mark.epoch == epoch or (newest and mark.epoch > epoch)]
    here = [
        mark if mark.epoch == epoch else mark._replace(text=f"in epoch {mark.epoch}: {mark.text}")
        for mark in here
    ]
    rows = _told(here, width)
    if len(rows) > height:
        rows = rows[:height]
        rows[-1].append(f" {glyphs.ellipsis}", FAINT)
    return [*rows, *(Text() for _ in range(height - len(rows)))]


def _told(marks: Sequence[Mark], width: int) -> list[Text]:
    """Each mark's words after the other's, two cells left free at the end of each row, never cut in a word."""
    rows = [Text()]
    for mark in marks:
        text = f"{mark.letter} {mark.text}"
        if rows[-1].cell_len and rows[-1].cell_len + len(_GAP) + cell_len(text) > width - len(_GAP):
            rows.append(Text())
        rows[-1].append(_GAP if rows[-1].cell_len else "")
        first, *more = wrap(text, width - len(_GAP) - rows[-1].cell_len)
        rows[-1].append(first, mark.style)
        rows += [styled(piece, mark.style) for piece in more]
    return rows


def as_many(parts: Sequence[Text], width: int) -> Text:
    """Return the first of ``parts`` in a row, each whole, as many as ``width`` cells hold."""
    row = Text()
    for part in parts:
        gap = _GAP if row.cell_len else ""
        if row.cell_len + len(gap) + part.cell_len > width:
            break
        row.append(gap).append(part)
    return row
