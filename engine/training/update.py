"""One optimiser step: gradients accumulated over a group of batches, averaged, clipped and applied."""

import torch
from torch import nn


class Update:
    """Accumulates the gradients of a group of batches and makes one optimiser step. Never waits for the device."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler,
        clip_grad: float,
    ) -> None:  # fmt: skip
        self._model = model
        self._optimizer = optimizer
        self._scaler = scaler
        self._clip_grad = clip_grad
        self._first = 0
        """Images in the group's first batch."""
        self._images = 0
        """Images in the group so far."""

    def add(self, loss: torch.Tensor, images: int) -> None:
        """Accumulate the gradients of a batch's ``loss``, its mean over ``images`` images, at least one."""
        if not self._images:
            self._optimizer.zero_grad(set_to_none=True)
            self._first = images
        if images != self._first:
            loss = loss * (images / self._first)
        self._scaler.scale(loss).backward()
        self._images += images

    def drop(self) -> None:
        """Discard the gradients accumulated since the last step."""
        self._images = 0

    def apply(self) -> None:
        """Make the optimiser step, if any gradients were accumulated.

        Every image has the same weight, whatever the size of its batch. If ``clip_grad`` is above 0, gradients with a
        larger total norm are scaled down to it (Pascanu et al. 2013).
        """
        if not self._images:
            return
        if self._images != self._first:
            # Losses are weighted relative to the first batch, so that a single batch isn't rescaled: exact to the bit.
            gradients = [weight.grad for weight in self._model.parameters() if weight.grad is not None]
            torch._foreach_mul_(gradients, self._first / self._images)
        if self._clip_grad:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._model.parameters(), self._clip_grad)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._images = 0
