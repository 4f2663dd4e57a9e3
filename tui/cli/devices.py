"""Which devices are here, asked without torch: importing that takes seconds."""

import os
import platform
import sys

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


def check_device(device: str) -> None:
    """Raise UserError when ``train.device`` asks for what is not here."""
    if device == "cuda" and not nvidia_gpus():
        raise UserError("train.device=cuda: no NVIDIA GPU is found here; use --device cpu or auto")
    if device == "mps" and not (sys.platform == "darwin" and platform.machine() == "arm64"):
        raise UserError("train.device=mps needs a Mac with Apple silicon; use --device cpu or auto")
