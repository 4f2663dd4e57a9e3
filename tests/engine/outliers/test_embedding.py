"""Features of timm's families: what their classifiers are given."""

import numpy as np
import pytest
import torch

from engine.compute.device import Precision
from engine.model.build import build_model
from engine.model.fold import Folding
from engine.outliers.detect.embedding import Embedder
from engine.recipe.sections import Model

CPU = Precision.choose(torch.device("cpu"), "auto")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("test_efficientnet", 32), ("test_vit", 160), ("test_convnext", 64), ("resnet18", 64),
        ("mobilenetv3_small_050", 64), ("swin_tiny_patch4_window7_224", 224),
    ],
)  # fmt: skip
def test_the_classifier_makes_the_logits_of_them(name: str, size: int) -> None:
    model = build_model(Model(name=name, pretrained=False, drop_rate=0.5), 3, 0).module.eval()
    images = torch.randn(3, 3, size, size)
    found = Embedder(model, CPU).embed([images[:2], images[2:]])
    assert found.dtype == np.float32
    assert found.shape[0] == 3
    with torch.inference_mode():
        logits = model.get_classifier()(torch.from_numpy(found))  # type: ignore[operator]
        assert torch.allclose(logits, model(images), atol=1e-4)


def test_a_folded_model_sees_the_same() -> None:
    model = build_model(Model(name="resnet18", pretrained=False), 3, 0).module.eval()
    images = [torch.randn(4, 3, 64, 64)]
    plain, folded = (Embedder(one, CPU).embed(images) for one in (model, Folding(CPU)(model)))
    assert np.abs(plain - folded).max() < 1e-5 * np.abs(plain).max()


def test_a_coarse_format_gives_floats_all_the_same() -> None:
    model = build_model(Model(name="test_efficientnet", pretrained=False), 3, 0).module
    coarse = Precision.choose(torch.device("cpu"), "bf16")
    assert Embedder(model, coarse).embed([torch.randn(2, 3, 32, 32)]).dtype == np.float32


def test_no_images_have_no_features() -> None:
    model = build_model(Model(name="test_efficientnet", pretrained=False), 3, 0).module
    assert Embedder(model, CPU).embed([]).shape == (0, 0)
