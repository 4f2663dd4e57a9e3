"""Training of the head alone in the first epochs, so that its initial gradients don't damage the backbone."""

from typing import Any

from torch import nn


class Freeze:
    """Freezes the backbone of a timm ``model`` in epochs 1 to ``epochs``.

    Useful with a pretrained backbone and a newly initialised head.
    """

    def __init__(self, model: nn.Module, epochs: int) -> None:
        self._model = model
        self._epochs = epochs
        found: Any = model.get_classifier()  # type: ignore[operator]
        layers = found if isinstance(found, (tuple, list)) else (found,)
        head = {part for layer in layers for part in layer.modules()}
        weights = {weight for layer in layers for weight in layer.parameters()}
        self._backbone = [w for w in model.parameters() if w.requires_grad and w not in weights]
        self._statistics = [part for part in model.modules() if part not in head and _keeps_statistics(part)]

    def set_train(self, epoch: int) -> None:
        """Set the model to training mode for ``epoch``, with the backbone frozen or trainable.

        A frozen backbone gets no gradients, and its batch norms use their running statistics without updating them;
        its dropout stays active.
        """
        frozen = epoch <= self._epochs
        self._model.train()
        for weight in self._backbone:
            weight.requires_grad_(not frozen)
        for part in self._statistics:
            part.train(not frozen)


def _keeps_statistics(part: nn.Module) -> bool:
    return any(name.startswith("running_") for name, _ in part.named_buffers(recurse=False))
