"""Finding models by what is typed: words of their names, and comparisons such as ``params<30 top1>85``."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt

from engine.recipe.timm_catalogue import Figure, Here, ModelFact, Table, figures_of

_COMPARED = re.compile(r"(params|size|top1|top5|classes)(<=|>=|<|>|=)(\d+(?:\.\d+)?)")
_HALF_TYPED = re.compile(r"(params|size|top1|top5|classes)(<=|>=|<|>|=)")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq}
HINT = "words, params<30, top1>85, size<=256, licence:mit, here, candidate"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model with all that is known of it; ``parameters``: millions, ``figure``: its best one; None: unknown."""

    fact: ModelFact
    parameters: float | None
    figure: Figure | None
    here: bool
    candidate: bool


def model_rows(table: Table, here: Here) -> list[ModelRow]:
    """Return every model, the report's candidates first, then those with figures, each sorted by name."""
    rows = []
    for fact in table.models:
        known, counted = figures_of(fact.name), table.parameters.get(fact.architecture)
        rows.append(
            ModelRow(
                fact,
                counted / 1e6 if counted is not None else known[0].parameters if known else None,
                known[0] if known else None,
                here.has(fact),
                any(figure.candidate for figure in known),
            )
        )
    return sorted(rows, key=lambda row: (not row.candidate, row.figure is None, row.fact.name))


def find(rows: Sequence[ModelRow], query: str) -> list[ModelRow]:
    """Return the rows that every term of ``query`` fits; what is unknown of a model fits no comparison."""
    tests = [_test(term) for term in query.lower().split()]
    return [row for row in rows if all(test(row) for test in tests)]


def compares_parameters(query: str) -> bool:
    """Say whether what ``query`` finds depends on the number of parameters."""
    return any(term.startswith("params") and _COMPARED.fullmatch(term) for term in query.lower().split())


def without_parameters(query: str) -> str:
    """Return the terms that can be judged before parameters are counted."""
    return " ".join(term for term in query.split() if not term.lower().startswith("params"))


def _test(term: str) -> Callable[[ModelRow], bool]:
    if found := _COMPARED.fullmatch(term):
        of, holds, bound = _VALUES[found[1]], _OPERATORS[found[2]], float(found[3])
        return lambda row: (value := of(row)) is not None and holds(value, bound)
    if _HALF_TYPED.fullmatch(term):  # the number comes next
        return lambda row: True
    if term == "here":
        return lambda row: row.here
    if term in ("candidate", "candidates"):
        return lambda row: row.candidate
    if term.startswith(("licence:", "license:")):
        wanted = term.partition(":")[2]
        return lambda row: wanted in row.fact.licence
    return lambda row: term in row.fact.name.lower()


_VALUES: dict[str, Callable[[ModelRow], float | None]] = {
    "params": lambda row: row.parameters,
    "size": lambda row: row.fact.size or None,
    "classes": lambda row: row.fact.classes or None,
    "top1": lambda row: row.figure.top1 if row.figure else None,
    "top5": lambda row: row.figure.top5 if row.figure else None,
}
