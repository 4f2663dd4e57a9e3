"""Numbers that are none any more: where that was seen, and the watch over a run's weights."""

from collections.abc import Iterable

import torch
from torch import nn

from engine.core.errors import UserError


class NonFiniteError(UserError):
    """A loss or a weight is NaN or infinite; ``step`` is the one at which, 0 for none in particular."""

    def __init__(self, what: str, epoch: int, step: int) -> None:
        self.seen = f"{what} (epoch {epoch}, step {step})" if step else f"{what} (epoch {epoch})"
        super().__init__(
            f"{self.seen}; lower optim.lr, try optim.amp=off, or set train.on_nan=rollback in recipe.toml and "
            "resume the run"
        )
        self.what = what
        self.step = step


class FiniteCheck:
    """Looks whether weights, statistics and the optimiser's moments are numbers; masks of infinity are left out."""

    def __init__(self, optimizer: torch.optim.Optimizer, *models: nn.Module) -> None:
        self._optimizer = optimizer
        tensors = [value for model in models for value in model.state_dict().values()]
        self._tensors = [value for value in _real(tensors) if bool(value.isfinite().all())]

    def finds_all_finite(self) -> bool:
        """Wait for the device and say whether all are numbers."""
        moments = [
            value for state in self._optimizer.state.values() for value in state.values() if value.dim()
        ]
        return bool(
            torch.stack([value.isfinite().all() for value in (*self._tensors, *_real(moments))]).all()
        )


def _real(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [value for value in tensors if value.is_floating_point()]
