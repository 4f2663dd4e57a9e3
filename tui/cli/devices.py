"""Which devices are here, asked without torch: importing that takes seconds."""

import os
import platform
import sys
from typing import NamedTuple

from engine.core.errors import UserError


def nvidia_gpus() -> int:
    """Return how many NVIDIA GPUs the driver lists and CUDA_VISIBLE_DEVICES doesn't hide entirely."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return 0
    try:
        import pynvml
    except ImportError:
        return 0
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        return 0


class RecipeChoice(NamedTuple):
    """A recipe's name or file, and for one that nobody named the settings over it and why it was chosen."""

    name: str
    settings: tuple[str, ...] = ()
    """``key=value`` over it."""
    why: str = ""


def default_recipe() -> RecipeChoice:
    """Choose by the device: the report's final run is for a GPU, and without its outlier stage.

    That stage excludes images by an autoencoder, which cost accuracy wherever it was measured (method.md, Detectors
    compared).
    """
    if nvidia_gpus():
        why = (
            "since an NVIDIA GPU is here, without its outlier stage (--set outliers.method=embedding has one)"
        )
        return RecipeChoice("report", ("outliers.method=none",), why)
    return RecipeChoice("quick", why="since no NVIDIA GPU is here")


def check_device(device: str) -> None:
    """Raise UserError when ``train.device`` asks for what is not here."""
    if device == "cuda" and not nvidia_gpus():
        raise UserError("train.device=cuda: no NVIDIA GPU is found here; use --device cpu or auto")
    if device == "mps" and not (sys.platform == "darwin" and platform.machine() == "arm64"):
        raise UserError("train.device=mps needs a Mac with Apple silicon; use --device cpu or auto")
