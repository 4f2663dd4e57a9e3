"""Where to compute, and how precisely."""

import contextlib
from dataclasses import dataclass
from typing import Literal

import torch

from engine.core.errors import UserError

Amp = Literal["auto", "off", "fp16", "bf16"]
_NAMES = {None: "float32", torch.float16: "fp16", torch.bfloat16: "bf16"}


def choose_device(asked: str) -> torch.device:
    """Return the device of ``train.device``; ``auto`` is the first GPU, else the CPU. Raises UserError."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if asked == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if (asked == "cuda" and not cuda) or (asked == "mps" and not mps):
        raise UserError(
            f"train.device={asked}: torch finds no such device here; use train.device=cpu or auto"
        )
    return torch.device(asked)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return ``tensor`` on ``device``, copied while this thread goes on where that is safe.

    CUDA takes memory that isn't pinned into a buffer of its own before the call returns; MPS may still be reading it
    when it is written over.
    """
    return tensor.to(device, non_blocking=device.type == "cuda")


@dataclass(frozen=True, slots=True)
class Precision:
    """The number format of the forward pass; None is float32 throughout."""

    device: torch.device
    dtype: torch.dtype | None

    @classmethod
    def choose(cls, device: torch.device, amp: Amp) -> "Precision":
        """``auto``: bfloat16 on a GPU that computes it, float16 on one that doesn't, float32 on a CPU."""
        if amp == "off" or (amp == "auto" and device.type == "cpu"):
            return cls(device, None)
        if amp == "auto":
            bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
            return cls(device, torch.bfloat16 if bf16 else torch.float16)
        if amp == "fp16" and device.type == "cpu":
            raise UserError("optim.amp=fp16 needs a GPU; use bf16 or off on a CPU")
        return cls(device, torch.bfloat16 if amp == "bf16" else torch.float16)

    @property
    def name(self) -> str:
        """The format in a word: ``float32``, ``fp16`` or ``bf16``."""
        return _NAMES[self.dtype]

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """Return the loss scaler that float16 needs, switched off for any other format."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
