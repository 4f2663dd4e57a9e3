"""Normalisation of uint8 batches on the device."""

import numpy as np
import numpy.typing as npt
import torch

from engine.compute.device import to_device


class Normalize:
    """Convert pixels (n, size, size, 3) uint8 to a float32 tensor (n, 3, size, size) normalised with mean and std.

    ``mean`` and ``std`` are per channel, for values in 0 to 1. Pixels are copied to the device as bytes, a quarter of
    the size of float32. Their layout is already ``channels_last``, so the permuted view needs no copy.
    """

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        red, green, blue = (round(255 * value) for value in mean)
        self.ground = (red, green, blue)
        """The colour that normalises to 0, RGB in 0 to 255."""
        self._device = device
        self._scale = (1 / (255 * torch.tensor(std))).view(1, 3, 1, 1).to(device)
        self._shift = (-torch.tensor(mean) / torch.tensor(std)).view(1, 3, 1, 1).to(device)

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Return the normalised batch on the device."""
        batch = torch.from_numpy(pixels)
        if self._device.type == "cuda":
            batch = batch.pin_memory()
        images = to_device(batch, self._device).permute(0, 3, 1, 2)
        return torch.addcmul(self._shift, images.float(), self._scale)
