"""Device selection and mixed precision."""

import contextlib
from dataclasses import dataclass
from typing import Literal

import torch

from engine.core.errors import UserError

Amp = Literal["auto", "off", "fp16", "bf16"]
"""Values of ``optim.amp``."""
_NAMES = {None: "float32", torch.float16: "fp16", torch.bfloat16: "bf16"}


def choose_device(asked: str) -> torch.device:
    """Return the device for ``train.device``; ``auto`` prefers CUDA, then MPS, then the CPU.

    Raises UserError if the device is not available.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if asked == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if (asked == "cuda" and not cuda) or (asked == "mps" and not mps):
        raise UserError(
            f"train.device={asked}: torch finds no such device on this machine; use train.device=cpu or auto"
        )
    return torch.device(asked)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return ``tensor`` on ``device``, copied asynchronously where that is safe.

    CUDA copies unpinned memory into its own buffer before the call returns; MPS may still read it after it has been
    overwritten.
    """
    return tensor.to(device, non_blocking=device.type == "cuda")


@dataclass(frozen=True, slots=True)
class Precision:
    """The floating-point format of the forward pass; ``dtype`` None means float32 without autocast."""

    device: torch.device
    dtype: torch.dtype | None

    @classmethod
    def choose(cls, device: torch.device, amp: Amp) -> "Precision":
        """Return the precision for ``optim.amp``.

        ``auto`` is bfloat16 on a GPU with native support, float16 on other GPUs and float32 on a CPU. Raises UserError
        for float16 on a CPU.
        """
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
        """Name of the format: ``float32``, ``fp16`` or ``bf16``."""
        return _NAMES[self.dtype]

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Return the context manager for the forward pass; it does nothing in float32."""
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """Return the gradient scaler, which is enabled for float16 only."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
