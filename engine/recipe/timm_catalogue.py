"""Facts about timm's models, read without importing timm, which takes seconds.

Names come from timm's source. Sizes, classes and licences come from a table that ``engine.tools.timm_table`` writes to
the user's cache folder on first use, one per version of timm. Published accuracies come from ``candidates.toml``.
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
from engine.core.packaged import packaged
from engine.core.text import nearest, printable
from engine.recipe.weights_source import PACKAGE, PACKAGED

_ENTRYPOINT = re.compile(r"@register_model\s+def (\w+)\(")
_TAGGED = re.compile(r"""['"]([a-z]\w*)\.(\w*)['"]\s*:""")
_RENAMED = re.compile(r"""['"]([a-z]\w*)['"]\s*:\s*['"]([\w.]+)['"]""")


def timm_sources() -> list[Path]:
    """Return the files in which timm's models are written, none if it isn't installed; it isn't imported."""
    spec = find_spec("timm")
    origin = spec.origin if spec else None
    return sorted(Path(origin).parent.joinpath("models").glob("*.py")) if origin else []


def architectures(source: str) -> list[str]:
    """Return the names of the models that a file of timm's, given its text, registers."""
    return _ENTRYPOINT.findall(source)


@cache
def model_names() -> frozenset[str]:
    """Return every model name that timm accepts, with and without a pretrained tag (``resnet18.a1_in1k``)."""
    names: set[str] = set()
    tagged: set[tuple[str, str]] = set()
    for path in timm_sources():
        source = path.read_text(encoding="utf-8")
        names.update(architectures(source))
        tagged.update(_TAGGED.findall(source))
        _, found, renamed = source.partition("register_model_deprecations(")
        if found:
            names.update(old for old, _ in _RENAMED.findall(renamed))
    return frozenset(names | {f"{name}.{tag}" for name, tag in tagged if tag and name in names})


def check_model(name: str) -> None:
    """Raise UserError, with similar names, unless timm knows ``name`` or it is the address of a hub or folder."""
    names = model_names()
    if not names or name in names or name.startswith(("hf-hub:", "hf_hub:", "local-dir:")):
        return
    bare, _, tag = name.partition(".")
    if bare in names:
        tags = sorted(known for known in names if known.startswith(f"{bare}."))
        if not tags:  # timm generates the tags of some families in code; the engine checks them with timm
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
    """A model as listed by timm. ``name`` has the tag of its weights, or none if no weights are published."""

    name: str
    size: int
    """Side of the images it was trained on, px."""
    classes: int
    """Classes of its pretrained head; 0: no head or no weights."""
    licence: str
    """Licence of the weights; empty: not stated by timm."""
    hub: str = ""
    """Address on timm's hub; empty: not there."""
    file: str = ""
    """Name of the file on the hub or at timm's ``url``; empty: the hub's default names."""
    published: bool = False
    """Whether weights are published."""
    val_size: int = 0
    """Side of the images it is validated on, px; 0: ``size``."""
    fixed: bool = False
    """Whether it is built for one size of image. Most such models can be built for another: ``model_sizes``."""

    @property
    def architecture(self) -> str:
        """The name without the tag of the weights."""
        return self.name.partition(".")[0]


_FORM = "-2"
"""Part of the table's name: tables of an earlier form lack facts and are written anew."""


class Table(msgspec.Struct, frozen=True):
    """All models of one version of timm, sorted by name, and the parameter counts known so far."""

    timm: str
    models: list[ModelFact]
    parameters: dict[str, int]
    """Number of parameters with a head of 1,000 classes, by architecture."""
    failed: list[str]
    """Architectures that can't be built without their weights, and so can't be counted."""

    @property
    def uncounted(self) -> list[str]:
        """The architectures neither counted nor failed; those with published figures first."""
        known = {*self.parameters, *self.failed}
        names = {model.architecture for model in self.models} - known
        famous = {name.partition(".")[0] for name in figures()}
        return sorted(names, key=lambda name: (name not in famous, name))


class Figure(NamedTuple):
    """Published results of a model on the validation images of ImageNet-1k at ``size`` px.

    Accuracies are in percent, parameters in millions, multiply-adds in billions.
    """

    size: int
    top1: float
    top5: float
    parameters: float
    multiply_adds: float | None
    source: str
    candidate: bool
    """Whether the report's table of sixteen models lists it."""


def timm_version() -> str:
    """Return the version of the installed timm, "" if none is installed."""
    try:
        return version("timm")
    except PackageNotFoundError:
        return ""


def table_path() -> Path:
    """Return the path of the installed timm's table, which may not exist. ``XDG_CACHE_HOME`` changes its location."""
    return platformdirs.user_cache_path("vrdl-tui") / "models" / f"timm-{timm_version()}{_FORM}.json"


def read_table(path: Path) -> Table | None:
    """Return the table at ``path``, or None if it is missing or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Table)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def write_table(path: Path, table: Table) -> None:
    """Write a table atomically, creating its folder if needed. Raises OSError."""
    make_private(path.parent)
    replace_file(path, msgspec.json.encode(table))


@cache
def figures() -> Mapping[str, tuple[Figure, ...]]:
    """Return the published figures by model from ``candidates.toml``, each with its source."""
    found: dict[str, tuple[Figure, ...]] = {}
    for table in tomllib.loads(packaged("candidates.toml").read_text(encoding="utf-8"))["table"]:
        for name, size, top1, top5, parameters, *rest in table["rows"]:
            multiply_adds = rest[0] if rest else None
            figure = Figure(size, top1, top5, parameters, multiply_adds, table["source"], table["candidates"])
            found[name] = (*found.get(name, ()), figure)
    return found


def figures_of(name: str) -> tuple[Figure, ...]:
    """Return a model's figures, best top-1 first. A name without tag has none, as timm may change its default tag."""
    return tuple(sorted(figures().get(name, ()), key=lambda figure: -figure.top1))


@dataclass(frozen=True, slots=True)
class Here:
    """Pretrained weights on this machine: hub addresses, files in torch's cache, and whether there is ``PACKAGE``."""

    hub: frozenset[str]
    files: frozenset[str]
    packaged: bool

    def has(self, model: ModelFact) -> bool:
        """Return whether a run with this model starts without a download."""
        if self.packaged and model.name in PACKAGED:
            return True
        if model.hub:
            return model.hub in self.hub
        return bool(model.file) and model.file in self.files


def weights_here() -> Here:
    """Return the weights in the caches of timm's hub and of torch. Lists folders and opens no file."""
    hub = set()
    for folder in _entries(hub_cache()):
        if folder.name.startswith("models--") and _holds_weights(folder / "snapshots"):
            hub.add(folder.name.removeprefix("models--").replace("--", "/"))
    files = {path.name for path in _entries(_torch_cache())}
    return Here(frozenset(hub), frozenset(files), find_spec(PACKAGE) is not None)


def _holds_weights(snapshots: Path) -> bool:
    files = (file for snapshot in _entries(snapshots) for file in _entries(snapshot))
    # The files of a snapshot are links; one whose blob was removed doesn't exist.
    return any(file.suffix in _WEIGHTS and file.exists() for file in files)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def hub_cache() -> Path:
    """Return the folder to which timm's weights are downloaded."""
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
    """Return ``folder`` expanded as those libraries do: ``~`` stays if the home folder is unknown."""
    return Path(os.path.expanduser(folder))  # noqa: PTH111 - Path's own raises there
