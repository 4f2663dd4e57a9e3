"""One step of the optimiser: the gradients of a group of batches, averaged, clipped and applied."""

import torch
from torch import nn


class Update:
    """Takes the losses of a group of batches, then makes one step of them. Nothing waits for the device."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler,
        clip_grad: float,
    ) -> None:  # fmt: skip
        self._model = model
        self._optimizer = optimizer
        self._scaler = scaler
        self._clip_grad = clip_grad
        self._first = 0
        self._images = 0

    def add(self, loss: torch.Tensor, images: int) -> None:
        """Add the gradients of a batch's mean ``loss`` over its ``images``, at least one."""
        if not self._images:
            self._optimizer.zero_grad(set_to_none=True)
            self._first = images
        if images != self._first:
            loss = loss * (images / self._first)
        self._scaler.scale(loss).backward()
        self._images += images

    def drop(self) -> None:
        """Forget what was added since the last step."""
        self._images = 0

    def apply(self) -> None:
        """Make the step, if any loss was added since the last.

        Each image counts alike, however many were in its batch. Gradients whose norm, taken over all
        weights, is above ``clip_grad`` are scaled down to it (Pascanu et al. 2013); 0 clips nothing.
        """
        if not self._images:
            return
        if self._images != self._first:
            # Batches were weighted against the first one, which for a lone batch changes no digit.
            gradients = [weight.grad for weight in self._model.parameters() if weight.grad is not None]
            torch._foreach_mul_(gradients, self._first / self._images)
        if self._clip_grad:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._model.parameters(), self._clip_grad)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._images = 0
