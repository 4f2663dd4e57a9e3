"""What a pretrained backbone sees in images: the features that its classifier would be given."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from engine.compute.device import Precision


class Embedder:
    """Takes a timm model's pooled features, before its dropout and head; ``model`` is on the precision's device."""

    def __init__(self, model: nn.Module, precision: Precision) -> None:
        # timm's models all have forward_features and forward_head; torch's type knows neither.
        self._model: Any = model.eval()
        self._precision = precision

    @torch.inference_mode()
    def embed(self, batches: Iterable[torch.Tensor]) -> npt.NDArray[np.float32]:
        """Return the features (n, d) of batches of images (b, 3, size, size), in their order; (0, 0) of none."""
        found: list[torch.Tensor] = []
        for images in batches:
            with self._precision.autocast():
                spatial = self._model.forward_features(images)
                pooled = self._model.forward_head(spatial, pre_logits=True)
            found.append(pooled.float())
        if not found:
            return np.empty((0, 0), np.float32)
        return np.asarray(torch.cat(found).cpu().numpy(), np.float32)
