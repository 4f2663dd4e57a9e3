"""Whether tensors from a file are those of a model: names, shapes, types, and numbers that are numbers."""

from collections.abc import Mapping

import torch

_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def misfit(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], *, exact: bool) -> str:
    """Return in words why ``given`` can't take the places of a model's ``own`` tensors, "" if it can.

    ``exact``: nothing too many, and each of the very type; else a real number may be of another width, and what the
    model doesn't have is passed over. Only what fits is read.
    """
    missing = [name for name in own if name not in given]
    both = [name for name in own if name in given]
    misshapen = [name for name in both if given[name].shape != own[name].shape]
    mistyped = [name for name in both if not _same_type(own[name], given[name], exact=exact)]
    more = [name for name in given if name not in own] if exact else []
    counts = (
        (missing, "missing"), (misshapen, "of another shape"), (mistyped, "of another type"), (more, "too many"),
    )  # fmt: skip
    parts = [
        f"{len(names)} {'tensor' if len(names) == 1 else 'tensors'} {what}" for names, what in counts if names
    ]
    if parts:
        first = next(names[0] for names, _ in counts if names)
        return f"{', '.join(parts)}, {first} first"
    # A model may have infinities of its own: masks.
    return next(
        (said for name in both if (said := unreal({name: given[name]})) and not unreal({name: own[name]})), ""
    )


def unreal(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return in words which tensor holds NaN or infinity, "" if none does."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            return f"{name} holds NaN or infinity"
    return ""


def _same_type(own: torch.Tensor, given: torch.Tensor, *, exact: bool) -> bool:
    if given.layout is not torch.strided or given.device.type != "cpu":
        return False
    return given.dtype is own.dtype or (not exact and own.dtype in _REAL and given.dtype in _REAL)
