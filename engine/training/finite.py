"""Non-finite values: the error that reports them, and the check of a run's weights."""

from collections.abc import Iterable

import torch
from torch import nn

from engine.core.errors import UserError


class NonFiniteError(UserError):
    """Raised when a loss or a weight is NaN or infinite. ``step`` counts from 1; 0 if no step is known."""

    def __init__(self, what: str, epoch: int, step: int) -> None:
        self.seen = f"{what} (epoch {epoch}, step {step})" if step else f"{what} (epoch {epoch})"
        super().__init__(
            f"{self.seen}; lower optim.lr, try optim.amp=off, or set train.on_nan=rollback in recipe.toml and "
            "resume the run"
        )
        self.what = what
        self.step = step


class FiniteCheck:
    """Checks that parameters, buffers and the optimiser's moments are finite.

    Tensors that aren't finite at the start, such as attention masks of -inf, are excluded.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, *models: nn.Module) -> None:
        self._optimizer = optimizer
        tensors = [value for model in models for value in model.state_dict().values()]
        self._tensors = [value for value in _floating(tensors) if bool(value.isfinite().all())]

    def finds_all_finite(self) -> bool:
        """Return whether all of them are finite. Waits for the device."""
        moments = [
            value for state in self._optimizer.state.values() for value in state.values() if value.dim()
        ]
        return bool(
            torch.stack([value.isfinite().all() for value in (*self._tensors, *_floating(moments))]).all()
        )


def _floating(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [value for value in tensors if value.is_floating_point()]
