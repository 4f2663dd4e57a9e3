"""The names of timm's models, read from its source: importing timm takes seconds, this some milliseconds."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from engine.errors import UserError
from engine.text import nearest, printable

_ENTRYPOINT = re.compile(r"@register_model\s+def (\w+)\(")
_TAGGED = re.compile(r"""['"]([a-z]\w*)\.(\w*)['"]\s*:""")
_RENAMED = re.compile(r"""['"]([a-z]\w*)['"]\s*:\s*['"]([\w.]+)['"]""")


@cache
def model_names() -> frozenset[str]:
    """Return every model name that timm accepts, bare and with a pretrained tag (``resnet18.a1_in1k``)."""
    spec = find_spec("timm")
    if spec is None or spec.origin is None:
        return frozenset()
    names: set[str] = set()
    tagged: set[tuple[str, str]] = set()
    for path in Path(spec.origin).parent.joinpath("models").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        names.update(_ENTRYPOINT.findall(source))
        tagged.update(_TAGGED.findall(source))
        _, found, renamed = source.partition("register_model_deprecations(")
        if found:
            names.update(old for old, _ in _RENAMED.findall(renamed))
    return frozenset(names | {f"{name}.{tag}" for name, tag in tagged if tag and name in names})


def check_model(name: str) -> None:
    """Raise UserError with the nearest names unless timm knows ``name`` or it is a hub or folder address."""
    names = model_names()
    if not names or name in names or name.startswith(("hf-hub:", "hf_hub:", "local-dir:")):
        return
    bare, _, tag = name.partition(".")
    if bare in names:
        tags = sorted(known for known in names if known.startswith(f"{bare}."))
        if not tags:  # timm makes some families' tags by program: the engine will ask timm itself
            return
        known = ", ".join(tags[:8])
        raise UserError(
            f"model.name: timm's {bare} has no weights tagged '{printable(tag, 40)}'; it has {known}"
        )
    close = nearest(name, names)
    hint = f"did you mean {', '.join(close)}?" if close else "timm.list_models() has the names"
    raise UserError(f"model.name: timm has no model '{printable(name, 80)}'; {hint}")
