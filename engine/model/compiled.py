"""The training's forward pass through torch.compile, or as it is where that can't be had."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from engine.core.text import printable
from engine.journal.events import Event, RunWarning


class CompiledForward:
    """Calls ``model`` compiled (Ansel et al. 2024); its weights and their names stay the model's own.

    A batch of another size is compiled anew: one program for all sizes would round differently before and
    after it was made, and a resumed run wouldn't give an unbroken run's numbers. When compiling fails, as
    it does on a CPU without a C++ compiler, ``emit`` hears of it once and the model runs as it is.
    """

    def __init__(self, model: nn.Module, emit: Callable[[Event], object]) -> None:
        self._model = model
        self._emit = emit
        self._forward: Callable[[torch.Tensor], Any] = model
        try:
            self._forward = torch.compile(model, dynamic=False)
        except RuntimeError as error:  # a Python or a platform that it doesn't support
            self._give_up(error)

    def __call__(self, images: torch.Tensor) -> Any:
        try:
            return self._forward(images)
        except TorchDynamoException as error:
            self._give_up(error)
            return self._model(images)

    def _give_up(self, error: Exception) -> None:
        self._forward = self._model
        reason = " ".join(str(error).split("\n")[:2]).strip() or type(error).__name__
        self._emit(RunWarning(message=f"train.compile: going on without it: {printable(reason, 200)}"))
