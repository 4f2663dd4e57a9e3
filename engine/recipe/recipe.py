"""The recipe: what to train and how. Typed, validated as a whole, read from and written to TOML."""

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError, model_validator

from engine.core.errors import UserError
from engine.core.packaged import packaged
from engine.core.paths import expand_home
from engine.core.text import nearest, printable
from engine.recipe.sections import (
    Augment,
    Data,
    Mixup,
    Model,
    Optim,
    Outliers,
    Predict,
    Schedule,
    Section,
    Train,
)


class Recipe(Section):
    """A complete recipe. Its defaults are the report's final run without the outlier stage, which is slow on a CPU."""

    data: Data = Data()
    augment: Augment = Augment()
    mixup: Mixup = Mixup()
    outliers: Outliers = Outliers()
    model: Model = Model()
    optim: Optim = Optim()
    schedule: Schedule = Schedule()
    train: Train = Train()
    predict: Predict = Predict()

    @model_validator(mode="after")
    def _embedding_needs_features(self) -> "Recipe":
        if self.outliers.method == "embedding" and not self.model.pretrained:
            raise ValueError("outliers.method=embedding needs a pretrained model; take autoencoder")
        return self

    def to_toml(self) -> str:
        """Return the recipe as TOML, with every key."""
        return tomli_w.dumps(self.model_dump(mode="json"))


_LARGEST_FILE = 1 << 20

LIVE_KEYS = (
    "optim.lr", "schedule.factor", "schedule.every", "schedule.patience", "schedule.plateau_patience",
    "schedule.plateau_threshold", "train.epochs", "train.checkpoint_every",
    "train.checkpoint_minutes", "train.predict",
)  # fmt: skip
"""Keys that can be changed while a run is in progress: each is read again at every step or epoch."""

RENAMED = {
    "train.accumulate": "optim.grad_accum_steps",
    "train.ema": "train.model_ema_decay",
    "model.dropout": "model.drop_rate",
    "augment.erase_p": "augment.reprob",
}
"""New names by the keys' names in version 0.1.0, which are still accepted."""


def unsaid(line: str) -> None:
    """Ignore ``line``: the default for notes about recipes that the user hasn't just written."""


def recipe_keys() -> list[str]:
    """Return every dotted key of the recipe, in file order."""
    return [
        f"{section}.{key}"
        for section, field in Recipe.model_fields.items()
        for key in _section_fields(field.annotation)
    ]


def _section_fields(annotation: Any) -> Iterable[str]:
    return (
        annotation.model_fields if isinstance(annotation, type) and issubclass(annotation, BaseModel) else ()
    )


def presets_folder() -> Path:
    """Return the folder of the built-in recipes."""
    return packaged("recipes")


def preset_names() -> list[str]:
    """Return the names of the built-in recipes, sorted."""
    return sorted(path.stem for path in presets_folder().glob("*.toml"))


def load_recipe(
    source: str | Path | None = None,
    settings: Iterable[str] = (),
    base: Mapping[str, Any] | None = None,
    note: Callable[[str], object] = unsaid,
) -> Recipe:
    """Return the recipe of a preset's name or a TOML file, overridden by ``settings`` (``key=value``).

    ``base`` is a nested table applied between the two, for example the data folders for a recipe taken from a run on
    other data. ``note`` is called with one line for each key that was renamed. Raises UserError naming the source and
    all errors together.
    """
    named = "recipe" if source is None else f"recipe {printable(str(source))}"
    table: dict[str, Any] = {}
    if source is not None:
        _merge(table, _read_toml(source))
    problems = [problem for old, new in RENAMED.items() if (problem := _move(table, old, new, note))]
    _merge(table, {section: keys for section, keys in (base or {}).items() if _is_table(table, section)})
    for setting in settings:
        problem = _put(table, setting, note)
        if problem:
            problems.append(problem)
    try:
        recipe = Recipe.model_validate(table)
    except ValidationError as error:
        problems += [_explain(detail) for detail in error.errors()]
    if problems:
        raise UserError(f"{named}: {'; '.join(problems)}")
    return recipe


def change(recipe: Recipe, key: str, text: str) -> Recipe:
    """Return ``recipe`` with one key set from text, validated as a whole. Raises UserError."""
    table = recipe.model_dump(mode="json")
    problem = _put(table, f"{key}={text}")
    if problem:
        raise UserError(problem)
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise UserError("; ".join(_explain(detail) for detail in error.errors())) from None


def value_of(recipe: Recipe, key: str) -> str:
    """Return the value of a dotted key as TOML would write it, without quotes."""
    section, _, name = key.partition(".")
    value = getattr(getattr(recipe, section), name)
    return str(value).lower() if isinstance(value, bool) else str(value)


def values_of(recipe: Recipe) -> dict[str, str]:
    """Return the value of every dotted key, formatted as by ``value_of``."""
    return {key: value_of(recipe, key) for key in recipe_keys()}


def given_keys(source: str | Path, settings: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return the dotted keys that a preset or file gives, and those that ``settings`` give. Raises UserError."""
    table = _read_toml(source)
    own = {f"{section}.{key}" for section, keys in table.items() if isinstance(keys, Mapping) for key in keys}
    return own, {setting.partition("=")[0].strip() for setting in settings}


def _read_toml(source: str | Path) -> dict[str, Any]:
    if source == "":
        raise UserError(
            f"the recipe is empty; give a file, or one of the presets {', '.join(preset_names())}"
        )
    path = presets_folder() / f"{source}.toml"
    if not (isinstance(source, str) and os.sep not in source and path.is_file()):
        path = expand_home(source)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise OSError(f"it has more than {_LARGEST_FILE:,} bytes")
        text = content.decode()
    except FileNotFoundError:
        names = preset_names()
        close = nearest(str(source), names, 1)
        hint = f"did you mean {close[0]}?" if close else f"the presets are {', '.join(names)}"
        raise UserError(f"no recipe named {printable(str(source))} and no such file; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"recipe {printable(str(source))} can't be read: {printable(str(error))}") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UserError(f"recipe {printable(str(source))} is not TOML: nested too deep") from None
    except ValueError as error:  # not TOML, or an integer with too many digits
        raise UserError(f"recipe {printable(str(source))} is not TOML: {printable(str(error))}") from None


def _is_table(table: dict[str, Any], section: str) -> bool:
    return isinstance(table.get(section, {}), dict)


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _move(table: dict[str, Any], old: str, new: str, note: Callable[[str], object]) -> str:
    """Move the value of a key's old name to the new one; return an error message, or ""."""
    (section, name), (into, key) = old.split("."), new.split(".")
    if not isinstance(table.get(section), dict) or name not in table[section]:
        return ""
    if key in table.get(into, {}):
        return f"{old} is the old name of {new}, and both are set; remove {old}"
    table.setdefault(into, {})[key] = table[section].pop(name)
    note(f"{old} is now {new}")
    return ""


def _put(table: dict[str, Any], setting: str, note: Callable[[str], object] = unsaid) -> str:
    """Set one ``key=value`` in the table; return an error message, or ""."""
    key, equals, text = setting.partition("=")
    key = key.strip()
    if key in RENAMED:
        note(f"{key} is now {RENAMED[key]}")
        key = RENAMED[key]
    section, _, name = key.partition(".")
    if not equals:
        return f"'{printable(setting)}' is not KEY=VALUE"
    if key not in recipe_keys():
        return _unknown(key)
    if not _is_table(table, section):
        return f"[{section}] is not a table"
    table.setdefault(section, {})[name] = _value(text.strip())
    return ""


def _value(text: str) -> Any:
    """Parse a value as TOML (numbers, true, lists, quoted text), or else take it as plain text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _unknown(key: str) -> str:
    keys = recipe_keys()
    name = key.rpartition(".")[2]
    same = [known for known in keys if known.endswith(f".{name}")]
    close = nearest(key, same, 1) or same or nearest(key, keys, 1)
    hint = f"did you mean {close[0]}?" if close else "vrdl-tui train --help names where the keys are listed"
    return f"unknown key {printable(key, 80)}; {hint}"


def _unknown_section(name: str) -> str:
    sections = list(Recipe.model_fields)
    close = nearest(name, sections, 1)
    hint = f"did you mean [{close[0]}]?" if close else f"the sections are {', '.join(sections)}"
    return f"unknown section [{printable(name, 80)}]; {hint}"


def _explain(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    if not key:
        return str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return _unknown(key) if len(detail["loc"]) > 1 else _unknown_section(key)
    message = str(detail["msg"]).removeprefix("Value error, ")
    try:
        shown = printable(repr(detail["input"]), 60)
    except ValueError:  # more digits than Python converts, possible with TOML's hexadecimal integers
        shown = "a number with too many digits"
    return f"{printable(key)} = {shown}: {message[0].lower()}{message[1:]}"
