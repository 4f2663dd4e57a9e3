"""The forward pass of training through torch.compile, with the uncompiled model as fallback."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from engine.core.text import printable
from engine.journal.events import Event, RunWarning


class CompiledForward:
    """Calls ``model`` through torch.compile (Ansel et al. 2024), leaving its parameters and their names unchanged.

    Each batch size is compiled separately. One program for all sizes would be compiled when the second size occurs and
    round differently from then on, so a resumed run would differ from an uninterrupted one. If compilation fails, for
    example on a CPU without a C++ compiler, a warning is emitted once and the model runs uncompiled.
    """

    def __init__(self, model: nn.Module, emit: Callable[[Event], object]) -> None:
        self._model = model
        self._emit = emit
        self._forward: Callable[[torch.Tensor], Any] = model
        try:
            self._forward = torch.compile(model, dynamic=False)
        except RuntimeError as error:  # unsupported Python version or platform
            self._fall_back(error)

    def __call__(self, images: torch.Tensor) -> Any:
        """Return the model's output for ``images``."""
        try:
            return self._forward(images)
        except TorchDynamoException as error:
            self._fall_back(error)
            return self._model(images)

    def _fall_back(self, error: Exception) -> None:
        self._forward = self._model
        reason = " ".join(str(error).split("\n")[:2]).strip() or type(error).__name__
        self._emit(RunWarning(message=f"train.compile failed, running without it: {printable(reason, 200)}"))
