"""Draft."""
from collections.abc import Iterable
from typing import Any
import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from engine.device import Precision

class Embedder:
    def __init__(self, model: nn.Module, precision: Precision) -> None:
        self._model: Any = model
        self._precision = precision
    @torch.inference_mode()
    def embed(self, batches: Iterable[torch.Tensor]) -> npt.NDArray[np.float32]:
        out=[]
        for b in batches:
            with self._precision.autocast():
                out.append(self._model.forward_head(self._model.forward_features(b), pre_logits=True).float().cpu())
        return torch.cat(out).numpy() if out else np.zeros((0,1),np.float32)
