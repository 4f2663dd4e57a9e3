"""What is known of one model, in words."""

from rich.text import Text

from engine.recipe.timm_catalogue import ModelFact, figures_of
from tui.widgets.look import BEST, FAINT, PLAIN, Glyphs, styled
from tui.widgets.model_query import ModelRow
from tui.widgets.wrapping import wrap

_LABEL = 9


def model_words(row: ModelRow, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return at most ``height`` rows: the whole name, weights, licence, every figure with its source."""
    fact, known = row.fact, figures_of(row.fact.name)
    told = [("model", fact.name, PLAIN)]
    size = (
        f"{row.parameters:.1f} million with a head of 1,000 classes" if row.parameters else "not counted yet"
    )
    told.append(("params", size, PLAIN))
    told.append(("weights", _weights(row), PLAIN))
    told.append(("licence", fact.licence or "unknown: timm doesn't say", PLAIN))
    for number, figure in enumerate(known):
        more = f", {figure.multiply_adds:.1f} billion multiply-adds" if figure.multiply_adds else ""
        text = f"top-1 {figure.top1:.2f} %, top-5 {figure.top5:.2f} % at {figure.size} px{more}"
        told.append(("" if number else "figures", text, BEST if figure.candidate else PLAIN))
    if not known:
        told.append(("figures", "unknown: this program's own table has none of it", PLAIN))
    told += [("", f"from {source}", FAINT) for source in dict.fromkeys(figure.source for figure in known)]
    rows = []
    for label, text, style in told:
        for number, piece in enumerate(wrap(glyphs.clean(text), width - _LABEL)):
            rows.append(styled((label if number == 0 else "").ljust(_LABEL), FAINT).append(piece, style))
    return rows[:height]


def _weights(row: ModelRow) -> str:
    fact = row.fact
    if not fact.published:
        return "nobody published any: model.pretrained=false trains it from random ones"
    told = f"tell {fact.classes:,} classes apart" if fact.classes else "without a head"
    where = (
        "on this machine" if row.here else f"to be downloaded from {'the hub' if fact.hub else 'its address'}"
    )
    return f"{where}; {told}; trained at {_size(fact)}" if fact.size else f"{where}; {told}"


def _size(fact: ModelFact) -> str:
    if fact.fixed:
        return f"{fact.size} px, built for one size"
    validated = f", validated at {fact.val_size} px" if fact.val_size else ""
    return f"{fact.size} px{validated}"
