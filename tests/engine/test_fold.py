"""Batch norms folded into convolutions: the same numbers, the model untouched, nothing folded that can't be."""

import pytest
import torch
from timm.layers.std_conv import StdConv2d
from torch import nn

from engine.compute.device import Precision
from engine.model.build import build_model
from engine.model.fold import Folding, foldable
from engine.recipe.sections import Model

CPU = Precision.choose(torch.device("cpu"), "auto")


@pytest.mark.parametrize("name", ["test_efficientnet", "resnet18"])
def test_the_numbers_stay(name: str) -> None:
    model = build_model(Model(name=name, pretrained=False), 3, 0).module
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        for _ in range(20):  # statistics of some images, so that there is something to fold
            model(torch.randn(8, 3, 32, 32))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded = Folding(CPU)(model)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    assert model.training
    assert all(value.equal(before[key]) for key, value in model.state_dict().items())
    with torch.inference_mode():
        expected, found = model.eval()(images), folded(images)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


class Forked(nn.Module):
    """A convolution whose output goes past its batch norm too; one that is standardised; one that is reused."""

    def __init__(self) -> None:
        super().__init__()
        self.fork, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.standardised, self.norm2 = StdConv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.twice, self.norm3, self.norm4 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.plain, self.norm5 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        split = self.fork(images)
        standard = self.norm2(self.standardised(self.norm(split) + split))
        return self.norm5(self.plain(self.norm4(self.twice(self.norm3(self.twice(standard))))))


class Branching(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images if images.sum() > 0 else -images


def test_only_what_is_exact_is_folded() -> None:
    assert foldable(Forked()) == [("plain", "norm5")]
    branching = Branching()
    assert Folding(CPU)(branching) is branching
    model = Forked()
    assert Folding(Precision.choose(torch.device("cpu"), "bf16"))(model) is model
