"""What a row of the form means, the command line, and the estimate, in words."""

from typing import Any

from rich.cells import cell_len
from rich.text import Text

from engine.core.text import count, shell_word
from tui.widgets.form_fields import FOLDERS, form_fields, text_of
from tui.widgets.form_list import DATA, MODEL, NAME, RECIPE
from tui.widgets.form_state import FormState
from tui.widgets.gallery_facts import wrap_path
from tui.widgets.look import BAD, BEST, GOOD, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.wording import duration, size
from tui.widgets.wrapping import wrap

_MEANINGS = {
    DATA: "where images are: train/CLASS/*.jpg, with val/CLASS/*.jpg and test/*.jpg if you have them; or CLASS/*.jpg",
    RECIPE: "how to train: a preset, or a TOML file such as the recipe.toml of any run; what you changed stays changed",
    NAME: "name of the run's folder; left out it is the time and the model",
}


def meaning(state: FormState, key: str, fact: str, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return at most ``height`` rows about a key: what is wrong, what it means, what it may be; ``fact`` first."""
    told = [(fact, GOOD)] if fact else []
    field = form_fields().get(key)
    if field is None:
        told.append((_MEANINGS[key], PLAIN))
    else:
        if key in state.wrong:
            told.append((state.wrong[key], BAD))
        told.append((f"{field.key}: {field.meaning}", PLAIN))
        told.append((f"{field.span}; default {field.default or 'empty'}", MUTED))
        if state.differs(key) and key not in FOLDERS:
            told.append((f"preset: {text_of(state.preset, key) or 'empty'} (u takes it back)", BEST))
        if key == MODEL:
            told.append(("Enter or M lists timm's models", MUTED))
    rows = [styled(piece, style) for text, style in told for piece in wrap(glyphs.clean(text), width)]
    return rows[:height]


def command_rows(words: list[str], width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return the command line, broken as a shell lets it be: between its words, in one where it is too long."""
    rows = [""]
    for piece in (glyphs.clean(one) for one in _pieces(words)):
        longer = f"{rows[-1]} {piece}" if rows[-1] else piece
        if cell_len(longer) <= width - 2:
            rows[-1] = longer
            continue
        *whole, last = wrap_path(piece, width - 2)
        rows[-1] += " \\"
        rows += [*(f"{part}\\" for part in whole), last]
    if len(rows) > height:
        more = count(len(rows) - height + 1, "more row")
        rows = [*rows[: height - 1], f"{glyphs.ellipsis} {more}; y copies all of it"]
    return [styled(row, STRONG) for row in rows]


def _pieces(words: list[str]) -> list[str]:
    """Return the quoted words, an option together with its value."""
    pieces: list[str] = []
    for word in words:
        if pieces and pieces[-1].startswith("--") and " " not in pieces[-1]:
            pieces[-1] += f" {shell_word(word)}"
        else:
            pieces.append(shell_word(word))
    return pieces


def estimate_rows(facts: dict[str, Any], epochs: int, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return at most ``height`` rows of what ``engine.tools.estimate`` has found out."""
    told = []
    if "parameters" in facts:
        told.append((f"{facts['parameters'] / 1e6:.1f} million parameters on {facts['device']}", PLAIN))
    if "epoch_s" in facts:
        epoch = float(facts["epoch_s"])
        told.append(
            (f"{duration(epoch)} an epoch, {duration(epoch * epochs)} for all {epochs:,} at most", STRONG)
        )
        memory = size(float(facts["memory"]))
        where = "of the GPU's memory" if facts["device"] != "cpu" else "of memory"
        told.append((f"{memory} {where} at most so far", PLAIN))
        steps, step = int(facts["steps"]), float(facts["step_s"])
        val = "not timed yet" if facts["val_s"] is None else f"{float(facts['val_s']):.1f} s"
        real = count(int(facts["measured"]), "real step")
        told.append(
            (f"{count(steps, 'step')} of {step:.2f} s, validation {val}; from {real} of a first epoch", MUTED)
        )
    rows = [styled(piece, style) for text, style in told for piece in wrap(glyphs.clean(text), width)]
    return rows[:height]
