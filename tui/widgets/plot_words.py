"""What stands above and below the curves: how they are drawn, and every figure of one epoch."""

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from engine.events import EpochEnded
from engine.state import RunState
from tui.widgets.look import BEST, FAINT, MUTED, PLAIN, RATE, STRONG, TRAIN, VAL, Glyphs, styled
from tui.widgets.plot_marks import Mark
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
    for letter, (word, style) in {mark.letter: (mark.word, mark.style) for mark in marks}.items():
        parts.append(styled(f"{letter} ", style).append(word, MUTED))
    return _as_many(parts, width)


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


def befell(marks: Sequence[Mark], epoch: int, width: int, glyphs: Glyphs) -> Text:
    """Say in one row what befell the run in ``epoch``: an empty row for nothing."""
    here = [mark for mark in marks if mark.epoch == epoch]
    row = Text()
    for mark in here:
        room = width - row.cell_len - len(_GAP) * bool(row.cell_len)
        text = f"{mark.letter} {mark.text}"
        pieces = wrap(text, room - len(glyphs.ellipsis)) if room > 12 else []
        if not pieces:
            break
        # Cut between words, where it has to be.
        row.append(_GAP if row.cell_len else "").append(pieces[0], mark.style)
        if len(pieces) > 1:
            row.append(glyphs.ellipsis, FAINT)
            break
    return row


def _as_many(parts: Sequence[Text], width: int) -> Text:
    row = Text()
    for part in parts:
        gap = _GAP if row.cell_len else ""
        if row.cell_len + len(gap) + part.cell_len > width:
            break
        row.append(gap).append(part)
    return row
