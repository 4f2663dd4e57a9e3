"""Panel: the outlier stage and what it left out; below that, images that could not be read and warnings."""

from collections import Counter
from itertools import islice

from rich.cells import cell_len
from rich.text import Text

from engine.core.text import count
from engine.journal.state import OutlierStage
from tui.widgets.bar import bar
from tui.widgets.gallery_items import of_excluded, over_threshold, restored_count, short_name
from tui.widgets.look import BAD, FAINT, MUTED, PLAIN, STRONG, TRAIN, WARN, Glyphs, styled
from tui.widgets.panel import Panel
from tui.widgets.trouble import trouble, trouble_facts
from tui.widgets.view import View

_WIDEST_BAR = 40
_DONE = {"delete": "deleted", "quarantine": "quarantined", "exclude": "in place"}


class Outliers(Panel):
    """The stage's progress, then its result class by class, then the newest images left out; or a plain "off"."""

    title = "outlier log"

    def facts(self, view: View) -> object:
        state = view.state
        stage = state.outliers
        return (
            stage.method, stage.read, stage.current, len(stage.thresholds), len(stage.changes), stage.done,
            trouble_facts(state), state.started is None, view.alive, bool(state.epochs),
        )  # fmt: skip

    def rows(self, view: View, width: int, height: int) -> list[Text]:
        state, glyphs = view.state, view.glyphs
        stage = state.outliers
        if state.started is None:
            return [styled("not known yet", MUTED)]
        rows = _stage(view, width)
        left = height - len(rows)
        wrong = trouble(state, width, max(2, left // 2 if stage.excluded else left - 1), glyphs)
        left -= len(wrong)
        if stage.excluded:
            if stage.done is not None:
                rows += shares(stage, width, max(1, left // 2), glyphs)
            rows += newest(stage, width, max(1, height - len(rows) - len(wrong)), glyphs)
        return (rows + wrong)[:height]


def _stage(view: View, width: int) -> list[Text]:
    state, glyphs = view.state, view.glyphs
    stage = state.outliers
    if stage.method == "none":
        why = " (outliers.method is none)" if width >= 29 else " (method: none)"
        rows = [styled("off", STRONG).append(why, MUTED)]
        if stage.changes:
            by_hand = f"{count(len(stage.excluded), 'image')} left out"
            rows.append(_row([by_hand, *_restored(stage)], width, glyphs))
        return rows
    if stage.done is not None:
        return _result(stage, width, glyphs)
    method = glyphs.clean(stage.method)
    if not view.alive or state.epochs:
        return [styled(glyphs.cut(f"{method}: not finished", width), MUTED), *_so_far(stage, width, glyphs)]
    if stage.read is None and stage.current is None:
        return [styled(glyphs.cut(f"{method}: waiting to begin", width), MUTED)]
    return [styled(glyphs.cut(method, width), STRONG), *_progress(stage, width, glyphs)]


def _progress(stage: OutlierStage, width: int, glyphs: Glyphs) -> list[Text]:
    rows = []
    if stage.read is not None and (stage.read.done < stage.read.total or stage.current is None):
        rows.append(_bar_row("read", stage.read.done, stage.read.total, width, glyphs))
    now = stage.current
    if now is not None:
        head = styled(f"class {now.class_index}/{now.classes} ", PLAIN)
        rows.append(head.append(glyphs.cut(glyphs.clean(now.class_name), width - head.cell_len), STRONG))
        loss = f" loss {now.loss:.4f}"
        rows.append(_bar_row("epoch", now.epoch, now.epochs, width - len(loss), glyphs).append(loss, MUTED))
    return rows + _so_far(stage, width, glyphs)


def _bar_row(word: str, done: int, total: int, width: int, glyphs: Glyphs) -> Text:
    row = styled(f"{word} {done:,}/{total:,} ", PLAIN)
    return row.append(bar(done, total, max(0, min(_WIDEST_BAR, width - row.cell_len)), TRAIN, glyphs))


def _so_far(stage: OutlierStage, width: int, glyphs: Glyphs) -> list[Text]:
    done = count(len(stage.thresholds), "class", "classes")
    said = [f"{done} judged", f"{len(stage.excluded):,} left out", *_restored(stage)]
    return [_row(said, width, glyphs)]


def _restored(stage: OutlierStage) -> list[str]:
    restored = restored_count(stage)
    return [f"{restored:,} restored"] if restored else []


def _row(said: list[str], width: int, glyphs: Glyphs) -> Text:
    """Say as many of these as fit, the first ones."""
    text = said[0]
    for one in said[1:]:
        longer = f"{text} {glyphs.dot} {one}"
        text = longer if cell_len(longer) <= width else text
    return styled(glyphs.cut(text, width), MUTED)


def _result(stage: OutlierStage, width: int, glyphs: Glyphs) -> list[Text]:
    assert stage.done is not None
    excluded, images = len(stage.excluded), stage.done.images
    share = f" ({100 * excluded / images:.1f} %)" if images else ""
    of = f"{excluded:,} of {count(images, 'image')}"
    head = next((text for text in (f"{of} left out{share}", f"{of} out{share}") if len(text) <= width), of)
    row = styled(head, STRONG if excluded else PLAIN)
    actions = Counter(event.action for event in stage.excluded.values())
    said = [f"{actions[action]:,} {word}" for action, word in _DONE.items() if actions[action]]
    if actions.keys() == {"exclude"}:
        said = ["files untouched"]
    said = [*_restored(stage), *said]
    return [row, _row(said, width, glyphs)] if said else [row]


def shares(stage: OutlierStage, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Draw how much of each class is left out, the worst first: ``cat  5/30  16.7 % ━━──``."""
    excluded = Counter(event.class_name for event in stage.excluded.values())
    judged = [
        (excluded[name], event.images, name) for name, event in stage.thresholds.items() if excluded[name]
    ]
    judged.sort(key=lambda one: (-one[0] / max(1, one[1]), one[2]))
    shown = judged[:height]
    numbers = [f" {out}/{images} {100 * out / max(1, images):5.1f} %" for out, images, _ in shown]
    widest = max(map(len, numbers), default=0)
    names = [glyphs.clean(name) for _, _, name in shown]
    name_width = min(max(map(cell_len, names), default=0), max(6, width - widest - 6))
    rows = []
    for (out, images, _), name, number in zip(shown, names, numbers, strict=True):
        row = styled(glyphs.fit(name, name_width), PLAIN).append(f"{number:>{widest}} ", MUTED)
        room = max(0, min(_WIDEST_BAR, width - row.cell_len))
        rows.append(row.append(bar(out, images, room, WARN, glyphs)))
    return rows


def newest(stage: OutlierStage, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """List the newest images left out: ``cat/0312.jpg  1.61× → dog``."""
    items = [of_excluded(event) for event in islice(reversed(stage.excluded.values()), height)]
    over = [over_threshold(item, glyphs.times) for item in items]
    likes = [f" {glyphs.arrow} {glyphs.clean(item.looks_like)}" if item.looks_like else "" for item in items]
    over_width = max(map(len, over), default=0)
    room = width - over_width - 1
    like_width = max(map(cell_len, likes), default=0)
    longest = max((cell_len(short_name(item, room, glyphs)) for item in items), default=0)
    if longest + like_width > room:
        # The class that it resembles is told where that leaves the names of the files whole.
        longest = min(
            longest, max(room - like_width, max(cell_len(glyphs.clean(item.name)) for item in items) + 2)
        )
    rows = []
    for item, ratio, like in zip(items, over, likes, strict=True):
        row = styled(glyphs.fit(short_name(item, longest, glyphs), min(longest, room)), PLAIN)
        row.append(f" {ratio:>{over_width}}", BAD if item.ratio > 1 else MUTED)
        if cell_len(like) + row.cell_len <= width:
            row.append(like, FAINT)
        rows.append(row)
    return rows
