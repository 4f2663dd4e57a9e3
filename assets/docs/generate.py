"""Generate recipes.md and journal.md from the source code.

Run ``python assets/docs/generate.py [FOLDER]`` from a checkout. The pages are written beside this file, or to FOLDER.
"""

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from engine.journal import events
from engine.recipe.recipe import LIVE_KEYS, Recipe, preset_names, presets_folder

Table = Sequence[tuple[str, ...]]
"""The rows of a table, each a tuple of cells."""

_ABOUT_RECIPES = """\
# Recipe reference

A recipe is a TOML file with the settings of a run. Omitted keys have their defaults. `vrdl-tui train DATA --recipe
FILE` reads one, and `--set KEY=VALUE` changes a key. Every run has its complete recipe in `recipe.toml`, a good
starting point for your own. Keys marked with \\* can be changed while the run trains: `=` in the live view, or
`vrdl-tui send RUN set optim.lr=1e-4`.

## Editing the recipe of a run

You can edit `recipe.toml` of a stopped or interrupted run before you resume it. Changes take effect from the next step
on. For each key the journal has a `setting_changed` event by `recipe.toml`, and `train.log` a line `Setting changed: …`
that also says what an edited `optim.lr` or `train.epochs` does to the learning rate. A change of `data.batch_size`,
`train.seed` or `optim.grad_accum_steps` starts the current epoch again. If the data were moved, `vrdl-tui resume RUN
--data NEW` changes `data.train`, `data.val` and `data.test`.

These changes are refused, with a message that says what to do instead:

* `model.name`, `model.pretrained` or `model.weights`, once there is a checkpoint
* `schedule.monitor`, once there is a best epoch
* any key of `[outliers]`, once the outlier stage has finished a class
* another split into training and validation images
* fewer `train.epochs` than have begun
* `train.share`"""

_ABOUT_JOURNAL = """\
# The journal

`events.jsonl` in a run's folder records everything that happens to the run. It is append-only, with one JSON object per
line, in order. Reading it while the run trains is safe: a last line without a line feed is incomplete.

```json
{sample}
```

Every line has `type`, `seq` (its number, from 1) and `t` (seconds since the Unix epoch, UTC). Epochs and steps count
from 1. Accuracies are percentages, losses mean cross-entropies, durations seconds, sizes bytes. Readers should ignore
types and fields that they don't know, since later versions may add some. A `run_started` with `resumed_epoch` above 0
invalidates earlier events of that epoch and of later ones.

`events.index` in the same folder speeds up the opening of long journals. It can be deleted at any time."""


def table(head: tuple[str, ...], rows: Table) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _prose(docstring: str) -> str:
    """Return a docstring as a Markdown paragraph."""
    text = " ".join(docstring.split()).replace("``", "`")
    return re.sub(r"REPORT\.md section (\d)", r"section \1 of the report", text)


# recipes.md


def recipes_page() -> str:
    """Return the content of recipes.md."""
    lines = [_ABOUT_RECIPES]
    for name, field in Recipe.model_fields.items():
        section: Any = field.annotation
        schema = section.model_json_schema()["properties"]
        rows = [_key(name, key, facts) for key, facts in schema.items()]
        about = [_prose(section.__doc__), ""] if section.__doc__ else []
        lines += ["", f"## [{name}]", "", *about]
        lines += table(("key", "value", "default", "description"), rows)
    lines += ["", "## Built-in recipes", ""]
    for preset in preset_names():
        lines += _preset(presets_folder() / f"{preset}.toml")
    return "\n".join(lines).rstrip() + "\n"


def _key(section: str, key: str, facts: dict[str, Any]) -> tuple[str, ...]:
    live = "\\*" if f"{section}.{key}" in LIVE_KEYS else ""
    return (f"`{section}.{key}`{live}", _range(facts), f"`{_toml(facts['default'])}`", facts["description"])


def _range(facts: dict[str, Any]) -> str:
    if "enum" in facts:
        return ", ".join(f"`{value}`" for value in facts["enum"])
    if facts["type"] == "array":
        return f"two numbers, each {_limits(facts['prefixItems'][0])}"
    names = {"string": "text", "integer": "integer", "number": "number", "boolean": "`true`, `false`"}
    return f"{names[facts['type']]} {_limits(facts)}".strip()


def _limits(facts: dict[str, Any]) -> str:
    low, high = facts.get("minimum"), facts.get("maximum")
    above, below = facts.get("exclusiveMinimum"), facts.get("exclusiveMaximum")
    parts = (
        [f"{_plain(low)} or more" if high is None else f"{_plain(low)} to {_plain(high)}"]
        if low is not None
        else []
    )
    parts += [f"above {_plain(above)}"] if above is not None else []
    parts += [f"at most {_plain(high)}"] if high is not None and low is None else []
    parts += [f"below {_plain(below)}"] if below is not None else []
    return ", ".join(parts)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def _toml(value: Any) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )


def _preset(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    about = [line.removeprefix("# ") for line in text.split("\n\n")[0].splitlines() if line.startswith("#")]
    yield from (f"### {path.stem}", "", *about, "")
    defaults = Recipe().model_dump(mode="json")
    rows = [
        (f"`{section}.{key}`", f"`{_toml(value)}`", f"`{_toml(defaults[section][key])}`")
        for section, keys in tomllib.loads(text).items()
        for key, value in keys.items()
        if value != defaults[section][key]
    ]
    yield from (*table(("key", "value", "default"), rows), "")


# journal.md


def journal_page() -> str:
    """Return the content of journal.md."""
    body = ast.parse(inspect.getsource(events)).body
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    literals = {
        node.targets[0].id: ", ".join(f"`{value}`" for value in ast.literal_eval(node.value.slice))
        for node in body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Subscript)
        and getattr(node.value.value, "id", "") == "Literal"
    }
    sample = events.encode_line(events.Paused(seq=41, t=1_800_000_000.5, epoch=3, step=17)).decode().strip()
    lines = [_ABOUT_JOURNAL.format(sample=sample)]
    for kind in get_args(events.AnyEvent):
        if kind is not events.UnknownEvent:
            lines += _event(kind.__struct_config__.tag, classes[kind.__name__], literals)
    return "\n".join(lines) + "\n"


def _event(tag: str, node: ast.ClassDef, literals: dict[str, str]) -> Iterator[str]:
    yield from ("", f"## {tag}", "")
    if about := ast.get_docstring(node):
        yield from (_prose(about), "")
    rows = []
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = after.value if isinstance(after, ast.Expr) else None
            meaning = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
            rows.append((f"`{field.target.id}`", _type(field.annotation, literals), _prose(meaning)))
    yield from table(("field", "type", "description"), rows)


def _type(node: ast.expr, literals: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            plain = {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}
            plain["Percent"] = "number from 0 to 100"
            return plain[name] if name in plain else literals[name]
        case ast.BinOp(left=left):
            return f"{_type(left, literals)}, or null"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            return ", ".join(f"`{value}`" for value in ast.literal_eval(values))
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return f"list of {_type(item, literals)}"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, value])):
            return f"table of {_type(value, literals)}"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=items)):
            return f"[{', '.join(_type(item, literals) for item in items)}]"
    raise NotImplementedError(ast.unparse(node))


def main() -> None:
    """Write both pages."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, page in (("recipes.md", recipes_page()), ("journal.md", journal_page())):
        (folder / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
