"""Features of a pretrained backbone: the input of its classifier."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from engine.compute.device import Precision


class Embedder:
    """Computes a timm model's pooled features, before dropout and head.

    ``model`` must be on the device of ``precision`` and is set to eval mode.
    """

    def __init__(self, model: nn.Module, precision: Precision) -> None:
        # timm's models all have forward_features and forward_head; torch's type knows neither.
        self._model: Any = model.eval()
        self._precision = precision

    @torch.inference_mode()
    def embed(self, batches: Iterable[torch.Tensor]) -> npt.NDArray[np.float32]:
        """Return the features, float32 (n, d), of batches of normalised images (b, 3, size, size).

        The order is kept. Without images the shape is (0, 0).
        """
        found: list[torch.Tensor] = []
        for images in batches:
            with self._precision.autocast():
                spatial = self._model.forward_features(images)
                pooled = self._model.forward_head(spatial, pre_logits=True)
            found.append(pooled.float())
        if not found:
            return np.empty((0, 0), np.float32)
        return np.asarray(torch.cat(found).cpu().numpy(), np.float32)
