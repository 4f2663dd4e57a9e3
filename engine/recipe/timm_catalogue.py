"""What is known of timm's models without importing it, which takes seconds.

Names are read from timm's source. Sizes, classes and licences are in a table that ``engine.tools.timm_table`` writes
into the user's cache folder on first use, one table per version of timm. Published accuracies come in
``candidates.toml``.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import msgspec
import platformdirs

from engine.core.errors import UserError
from engine.core.files import make_private, replace_file
from engine.core.text import nearest, printable
from engine.recipe.weights_source import PACKAGE, PACKAGED

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


_WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".npz")


class ModelFact(msgspec.Struct, frozen=True):
    """One model as timm lists it: ``name`` with the tag of its weights, or bare where nobody published any."""

    name: str
    size: int
    """Side of the images that it was trained on, px."""
    classes: int
    """What its weights tell apart; 0: they have no head, or there are none."""
    licence: str
    """Of the weights; empty: timm doesn't say."""
    hub: str = ""
    """Its address on timm's hub; empty: it is not there."""
    file: str = ""
    """The file that the hub or the address ``url`` has; empty: the hub's usual ones."""
    published: bool = False
    """Whether anybody published weights."""

    @property
    def architecture(self) -> str:
        return self.name.partition(".")[0]


class Table(msgspec.Struct, frozen=True):
    """All models of one timm, sorted by name, and the parameters of the architectures counted so far."""

    timm: str
    models: list[ModelFact]
    parameters: dict[str, int]
    """With a head of 1,000 classes, by architecture."""
    failed: list[str]
    """Architectures that can't be built without their weights: their size stays unknown."""

    @property
    def uncounted(self) -> list[str]:
        """The architectures that are neither counted nor failed, those that have published figures first."""
        known = {*self.parameters, *self.failed}
        names = {model.architecture for model in self.models} - known
        famous = {name.partition(".")[0] for name in figures()}
        return sorted(names, key=lambda name: (name not in famous, name))


class Figure(NamedTuple):
    """How a model does on ImageNet-1k's validation images of ``size`` px; percents, millions, billions."""

    size: int
    top1: float
    top5: float
    parameters: float
    multiply_adds: float | None
    source: str
    candidate: bool
    """Whether it is a row of the report's table of sixteen."""


def timm_version() -> str:
    """Return the installed timm's version, empty where there is none."""
    try:
        return version("timm")
    except PackageNotFoundError:
        return ""


def table_path() -> Path:
    """Return the installed timm's table, which need not exist; ``XDG_CACHE_HOME`` moves it."""
    return platformdirs.user_cache_path("vrdl-tui") / "models" / f"timm-{timm_version()}.json"


def read_table(path: Path) -> Table | None:
    """Return a table; None where there is none, or one that is damaged and has to be written anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Table)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def write_table(path: Path, table: Table) -> None:
    """Write a table whole. Raises OSError."""
    make_private(path.parent)
    replace_file(path, msgspec.json.encode(table))


@cache
def figures() -> Mapping[str, tuple[Figure, ...]]:
    """Return the published figures by model, as they come in ``candidates.toml``: facts, each with its source."""
    engine = Path(__file__).parent.parent
    installed = engine / "candidates.toml"
    path = installed if installed.is_file() else engine.parent / "assets" / "candidates.toml"
    found: dict[str, tuple[Figure, ...]] = {}
    for table in tomllib.loads(path.read_text(encoding="utf-8"))["table"]:
        for name, size, top1, top5, parameters, *rest in table["rows"]:
            multiply_adds = rest[0] if rest else None
            figure = Figure(size, top1, top5, parameters, multiply_adds, table["source"], table["candidates"])
            found[name] = (*found.get(name, ()), figure)
    return found


def figures_of(name: str) -> tuple[Figure, ...]:
    """Return a model's figures, best top-1 first; a bare name has none, for timm may change its default weights."""
    return tuple(sorted(figures().get(name, ()), key=lambda figure: -figure.top1))


@dataclass(frozen=True, slots=True)
class Here:
    """The weights that this machine has: hub addresses, files of torch's own cache, the package of one model."""

    hub: frozenset[str]
    files: frozenset[str]
    packaged: bool

    def has(self, model: ModelFact) -> bool:
        """Say whether a run with this model would start without a download."""
        if self.packaged and model.name in PACKAGED:
            return True
        if model.hub:
            return model.hub in self.hub
        return bool(model.file) and model.file in self.files


def weights_here() -> Here:
    """Look at the caches of timm's hub and of torch, as timm itself would. Reads folders, no file."""
    hub = set()
    for folder in _entries(hub_cache()):
        if folder.name.startswith("models--") and _holds_weights(folder / "snapshots"):
            hub.add(folder.name.removeprefix("models--").replace("--", "/"))
    files = {path.name for path in _entries(_torch_cache())}
    return Here(frozenset(hub), frozenset(files), find_spec(PACKAGE) is not None)


def _holds_weights(snapshots: Path) -> bool:
    files = (file for snapshot in _entries(snapshots) for file in _entries(snapshot))
    # A snapshot's files are links: one to a blob that is gone doesn't exist.
    return any(file.suffix in _WEIGHTS and file.exists() for file in files)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def hub_cache() -> Path:
    """Return the folder into which timm's weights are downloaded."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := os.environ.get(name):
            return _expanded(folder)
    home = os.environ.get("HF_HOME")
    return (_expanded(home) if home else _caches() / "huggingface") / "hub"


def _torch_cache() -> Path:
    home = os.environ.get("TORCH_HOME")
    return (_expanded(home) if home else _caches() / "torch") / "hub" / "checkpoints"


def _caches() -> Path:
    return _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")


def _expanded(folder: str) -> Path:
    """Return a variable's folder as those libraries read it: a home that isn't known stays as it is written."""
    return Path(os.path.expanduser(folder))  # noqa: PTH111 - Path's own raises there
