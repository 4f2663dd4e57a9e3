"""The filter of runs: words and conditions, all of which must hold.

``resnet`` is looked for in name, model, data, tags, host and state. ``model:resnet*`` matches a whole field (``*``
and ``?`` as in a shell; without them a part of it is enough), ``best>90`` compares (``>``, ``>=``, ``<``, ``<=``,
``=``). Durations are seconds or 90s, 15m, 2h, 1d; times are 2026-01-31 or 2026-01-31T12:00, local.
"""

import fnmatch
import operator
import re
import time
from collections.abc import Callable

from engine.core.errors import UserError
from engine.core.text import nearest, printable
from tui.run_fields import FIELDS, Field
from tui.run_rows import RunRow

Filter = Callable[[RunRow], bool]

_CONDITION = re.compile(r"([A-Za-z_]+)(>=|<=|[><=:])(.*)", re.DOTALL)
_WORD_FIELDS = [FIELDS[name] for name in ("name", "model", "data", "tags", "host", "state")]
_ALIASES = {"tag": "tags", "status": "state"}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq, ":": operator.eq,
}  # fmt: skip
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SECONDS = re.compile(r"(\d+(?:\.\d*)?)([smhd]?)")


def parse_filter(text: str) -> Filter:
    """Return the filter that ``text`` asks for; an empty one lets every run pass. Raises UserError."""
    tests = [_condition(word) for word in text.split()]
    return lambda row: all(test(row) for test in tests)


def _condition(word: str) -> Filter:
    match = _CONDITION.fullmatch(word)
    if match is None:
        return _word(word)
    name, sign, wanted = match[1].lower(), match[2], match[3]
    name = _ALIASES.get(name, name)
    if name not in FIELDS:
        close = nearest(name, [*FIELDS, *_ALIASES], 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(FIELDS)}"
        raise UserError(f"filter: no column {printable(name, 40)}; {hint}")
    field = FIELDS[name]
    if not wanted:
        raise UserError(f"filter: {name}{sign} what? {_example(name, field)}")
    if field.kind == "text":
        if sign not in ":=":
            raise UserError(f"filter: {name} is text; {_example(name, field)}")
        return _matching(name, wanted)
    return _comparing(name, sign, wanted)


def _word(word: str) -> Filter:
    wanted = word.casefold()
    return lambda row: any(wanted in str(field.value(row) or "").casefold() for field in _WORD_FIELDS)


def _matching(name: str, wanted: str) -> Filter:
    pattern = wanted.casefold() if any(sign in wanted for sign in "*?") else f"*{wanted.casefold()}*"
    # Brackets are parts of names here: a glob's sets would surprise more often than they help.
    matches = re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match
    if name == "tags":
        return lambda row: any(matches(tag.casefold()) for tag in row.labels.tags)
    value = FIELDS[name].value
    return lambda row: matches(str(value(row) or "").casefold()) is not None


def _comparing(name: str, sign: str, wanted: str) -> Filter:
    field, compare = FIELDS[name], _COMPARE[sign]
    bound = _bound(name, field, wanted)

    def holds(row: RunRow) -> bool:
        value = field.value(row)
        return isinstance(value, int | float) and compare(value, bound)

    return holds


def _bound(name: str, field: Field, wanted: str) -> float:
    try:
        if field.kind == "seconds":
            if (match := _SECONDS.fullmatch(wanted)) is None:
                raise ValueError
            return float(match[1]) * _UNITS[match[2]]
        if field.kind == "time":
            form = "%Y-%m-%dT%H:%M" if "T" in wanted else "%Y-%m-%d"
            return time.mktime(time.strptime(wanted, form))
        return float(wanted.removesuffix("%"))
    except (ValueError, OverflowError):
        raise UserError(f"filter: {name} can't be {printable(wanted, 40)}; {_example(name, field)}") from None


def _example(name: str, field: Field) -> str:
    examples = {
        "text": f"such as {name}:abc or {name}:a*",
        "number": f"a number, such as {name}>{'1e-4' if name == 'lr' else '90'}",
        "seconds": f"such as {name}>90s, {name}<2h",
        "time": f"such as {name}>2026-01-31",
    }
    return examples[field.kind]
