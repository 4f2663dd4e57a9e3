"""What is known of the sizes of image that models take, without importing timm.

Whether a model takes a recipe's sizes is found out by ``engine.tools.try_model``, which imports timm and torch. Its
answers are kept in the user's cache folder, and most convolutional networks need none: their families take any size.
"""

import contextlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import platformdirs

from engine.core.files import make_private, replace_file
from engine.recipe.sections import Data
from engine.recipe.timm_catalogue import architectures, timm_sources, timm_version

ModelArgs = Mapping[str, Any]
"""Arguments of ``timm.create_model`` that fit a model to sizes of image: ``img_size`` in px, or switches."""
NO_ARGS: ModelArgs = MappingProxyType({})
"""A model as timm builds it by its name."""
PRETRAINED = ("data.train_size", "data.val_size")
"""The keys that follow the model if a recipe doesn't give them."""
LEAST_PLAIN = 64
"""From this side on, px, the families that take any size need no trial."""

_FIXED = re.compile(r"img_size|fixed_input_size|strict_img|_assert\(\s*[HW] ?%")
_PLAIN = (
    "convnext", "cspnet", "densenet", "dla", "dpn", "efficientnet", "ghostnet", "hgnet", "hrnet", "mobilenetv3",
    "nfnet", "regnet", "res2net", "resnet", "resnetv2", "vgg", "vovnet",
)  # fmt: skip
"""timm's modules whose models take any size from ``LEAST_PLAIN`` px and batches of one image or more."""
_MOST_KEPT = 500


class Answer(msgspec.Struct, frozen=True):
    """What a trial found: the refusal, or "" for a model that takes the sizes."""

    refusal: str


class Own(msgspec.Struct, frozen=True):
    """The sizes by a model's pretrained configuration, px."""

    train_size: int
    val_size: int


class Known(msgspec.Struct):
    """Answers by question, and sizes by model, of one version of timm."""

    answers: dict[str, Answer] = {}
    sizes: dict[str, Own] = {}


@cache
def _plain_models() -> frozenset[str]:
    names: set[str] = set()
    for path in timm_sources():
        if path.stem in _PLAIN and not _FIXED.search(source := path.read_text(encoding="utf-8")):
            names.update(architectures(source))
    return frozenset(names)


def is_plain(name: str, data: Data) -> bool:
    """Return whether a model is of a family that takes any size from ``LEAST_PLAIN`` px, and the sizes are above it."""
    sizes = min(data.train_size, data.val_size) >= LEAST_PLAIN
    return sizes and data.batch_size > 1 and name.partition(".")[0] in _plain_models()


def question(name: str, data: Data, *, pretrained: bool) -> str:
    """Return the key of a trial's answer: what the answer depends on."""
    words = (
        name,
        data.train_size,
        data.val_size,
        min(data.batch_size, 2),
        *(["pretrained"] if pretrained else []),
    )
    return " ".join(map(str, words))


def known_path() -> Path:
    """Return the path of what trials with the installed timm found, which may not exist."""
    return platformdirs.user_cache_path("vrdl-tui") / "models" / f"sizes-{timm_version()}.json"


def read_known() -> Known:
    """Return what earlier trials found; nothing if the file is missing or damaged."""
    try:
        return msgspec.json.decode(known_path().read_bytes(), type=Known)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Known()


def keep(known: Known) -> None:
    """Write what trials found; a cache that can't be written is no reason not to train."""
    for table in (known.answers, known.sizes):
        while len(table) > _MOST_KEPT:
            del table[next(iter(table))]
    with contextlib.suppress(OSError):
        make_private(known_path().parent)
        replace_file(known_path(), msgspec.json.encode(known))
