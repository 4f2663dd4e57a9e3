"""The recipe's keys as a form shows them: made from the recipe's own schema."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf

from engine.recipe.recipe import Recipe, value_of

Kind = Literal["flag", "choice", "value"]
FOLDERS = ("data.train", "data.val", "data.test")
"""The paths that the data folder gives a run, unless they are set themselves."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One key; ``span`` says in words what it may be, ``default`` is its text."""

    key: str
    kind: Kind
    choices: tuple[str, ...]
    meaning: str
    span: str
    default: str

    @property
    def section(self) -> str:
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        return self.key.partition(".")[2]


@cache
def form_fields() -> dict[str, FormField]:
    """Return every key of the recipe in the order of its file."""
    default = Recipe()
    found = {}
    for section, part in Recipe.model_fields.items():
        fields: dict[str, Any] = part.annotation.model_fields  # type: ignore[union-attr]
        for name, field in fields.items():
            key = f"{section}.{name}"
            kind, choices = _kind(field.annotation)
            found[key] = FormField(
                key, kind, choices, field.description or "", _span(field), text_of(default, key)
            )
    return found


def text_of(recipe: Recipe, key: str) -> str:
    """Return a key's value as it can be typed: what ``--set`` takes."""
    section, _, name = key.partition(".")
    value = getattr(getattr(recipe, section), name)
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else value_of(recipe, key)


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    if annotation is bool:
        return "flag", ("true", "false")
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation)
    return "value", ()


def _span(field: Any) -> str:
    if field.annotation is bool:
        return "on or off"
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(get_args(field.annotation))
    if get_origin(field.annotation) is tuple:
        inner = get_args(field.annotation)[0]
        return f"two numbers, each {_bounds(_metadata(inner))}: [least, greatest]"
    if field.annotation is str:
        return "text"
    kind = "a whole number" if field.annotation is int else "a number"
    bounds = _bounds([*field.metadata, *_metadata(field.annotation)])
    return f"{kind}, {bounds}" if bounds else kind


def _metadata(annotation: Any) -> list[Any]:
    """Return the constraints of an Annotated type, those that pydantic's Field holds unpacked."""
    unpacked: list[Any] = []
    for one in getattr(annotation, "__metadata__", ()):
        unpacked += getattr(one, "metadata", [one])
    return unpacked


def _bounds(constraints: list[Any]) -> str:
    low = high = multiple = ""
    for one in constraints:
        match one:
            case Ge(bound):
                low = f"from {bound:,}" if isinstance(bound, int) else f"from {bound}"
            case Gt(bound):
                low = f"above {bound}"
            case Le(bound):
                high = f"to {bound:,}" if isinstance(bound, int) else f"to {bound}"
            case Lt(bound):
                high = f"below {bound:,}" if isinstance(bound, int) else f"below {bound}"
            case MultipleOf(factor):
                multiple = f", a multiple of {factor}"
            case _:
                pass
    return " ".join(part for part in (low, high) if part) + multiple
