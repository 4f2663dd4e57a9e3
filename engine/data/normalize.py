"""Batches of bytes to the device, normalised there."""

import numpy as np
import numpy.typing as npt
import torch

from engine.compute.device import to_device


class Normalize:
    """Turn (n, size, size, 3) uint8 pixels into (n, 3, size, size) floats in the model's own scale.

    The bytes, a quarter of the floats, are what travels to the device. Rows of pixels are what
    ``channels_last`` is, so the permuted view needs no copy.
    """

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        red, green, blue = (round(255 * share) for share in mean)
        self.ground = (red, green, blue)
        """The colour that becomes 0, RGB bytes."""
        self._device = device
        self._scale = (1 / (255 * torch.tensor(std))).view(1, 3, 1, 1).to(device)
        self._shift = (-torch.tensor(mean) / torch.tensor(std)).view(1, 3, 1, 1).to(device)

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
        batch = torch.from_numpy(pixels)
        if self._device.type == "cuda":
            batch = batch.pin_memory()
        images = to_device(batch, self._device).permute(0, 3, 1, 2)
        return torch.addcmul(self._shift, images.float(), self._scale)
