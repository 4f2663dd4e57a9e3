"""Which sizes of image a model takes, and what is said of one that doesn't; crashes that are avoided."""

import copy
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from engine.core.errors import UserError
from engine.model.sizes import own_sizes, try_model
from engine.model.strided import avoid_heap_corruption
from engine.training import checkpoint
from engine.training.checkpoint import load_model_file
from tests.cli.calling import call, refusal
from tests.made_data import make_pictures

TAKEN = {
    "any size": ("test_resnet", 64, 96, 8, {}),
    "its own": ("test_vit", 160, 160, 8, {}),
    "another": ("test_vit", 96, 96, 8, {"img_size": 96}),
    "two": ("test_vit", 96, 128, 8, {"img_size": 96, "dynamic_img_size": True}),
    "windows": ("swin_tiny_patch4_window7_224", 256, 256, 8, {"img_size": 256}),
    "relative positions": ("coatnet_nano_rw_224", 256, 256, 4, {"img_size": 256}),
    "a mixer without weights": ("mixer_s32_224", 192, 192, 8, {"img_size": 192}),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_a_model_takes(case: str) -> None:
    name, train_size, val_size, batch_size, args = TAKEN[case]
    assert dict(try_model(name, train_size, val_size, batch_size)) == args


REFUSED = {
    "between two": (
        ("test_vit", 100, 100, 8, False),
        "test_vit doesn't take images of 100 px; it takes 96 and 112 px near that, 160 px as pretrained: set "
        "data.train_size=160 and data.val_size=160",
    ),
    "two sizes": (
        ("mixer_s32_224", 256, 320, 8, False),
        "mixer_s32_224 takes one size for training and validation, not 256 and 320 px; set "
        "data.val_size=data.train_size: both to 256 or both to 320",
    ),
    "weights of one size": (
        ("mixer_s32_224", 256, 256, 8, True),
        "mixer_s32_224 has pretrained weights for 224 px, which don't fit 256 px: set data.train_size=224 and "
        "data.val_size=224, or model.pretrained=false",
    ),
    "a batch of one": (
        ("levit_128s", 224, 224, 1, False),
        "data.batch_size=1: levit_128s normalises over the images of a batch and needs at least 2; set "
        "data.batch_size=2 or more",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_model_refuses(case: str) -> None:
    (name, train_size, val_size, batch_size, pretrained), words = REFUSED[case]
    with pytest.raises(UserError) as caught:
        try_model(name, train_size, val_size, batch_size, pretrained=pretrained)
    assert str(caught.value).removeprefix("model.name: ") == words


def test_positions_are_interpolated_for_published_weights() -> None:
    assert dict(try_model("test_vit", 96, 96, 8, pretrained=True)) == {"img_size": 96}
    assert own_sizes("test_vit") == (160, 160)


def test_strided_convolutions_give_the_same_numbers_on_another_path() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 1, stride=2, bias=False), nn.ReLU(), nn.Conv2d(8, 4, 3, stride=2))
    plain = plain.to(memory_format=torch.channels_last)
    safe = copy.deepcopy(plain)
    assert avoid_heap_corruption(safe) == 1
    assert safe.state_dict().keys() == plain.state_dict().keys()
    images = torch.randn(2, 3, 33, 34).to(memory_format=torch.channels_last)
    expected, found = plain(images), safe(images)
    torch.testing.assert_close(found, expected)
    expected.square().sum().backward()
    found.square().sum().backward()
    for one, other in zip(plain.parameters(), safe.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


SETTINGS = (
    "model.name=test_vit", "model.pretrained=false", "data.workers=1", "data.batch_size=4", "train.epochs=1",
    "train.device=cpu",
)  # fmt: skip


def settings(*more: str) -> list[str]:
    return [word for setting in (*SETTINGS, *more) for word in ("--set", setting)]


def test_a_model_of_fixed_size_trains_predicts_and_opens_elsewhere(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=3, val=1, test=2)
    sizes = settings("data.train_size=64", "data.val_size=96")
    done = call("train", data, "--recipe", "quick", "--name", "vit", "--headless", *sizes, cwd=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "runs/vit/prediction.csv").read_text().count("\n") == 3
    again = call("resume", "vit", "--headless", "--set", "train.epochs=2", cwd=tmp_path)
    if again.code == 2:  # resume takes no settings: the recipe is edited
        recipe = tmp_path / "runs/vit/recipe.toml"
        recipe.write_text(recipe.read_text().replace("epochs = 1\n", "epochs = 2\n"))
        again = call("resume", "vit", "--headless", cwd=tmp_path)
    assert again.code == 0, again.err
    folder = checkpoint.find(tmp_path / "runs/vit/checkpoints", "best")
    assert folder is not None
    _, facts = load_model_file(folder)
    assert dict(facts.model_args) == {"img_size": 64, "dynamic_img_size": True}
    model = timm.create_model(
        "test_vit", num_classes=3, checkpoint_path=str(folder / "model.safetensors"), **facts.model_args
    )
    assert model(torch.zeros(1, 3, 96, 96)).shape == (1, 3)


def test_a_size_that_is_not_given_follows_the_model(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=3, val=1, test=0)
    done = call("train", data, "--recipe", "quick", "--name", "vit", "--headless", *settings(), cwd=tmp_path)
    assert done.code == 0, done.err
    assert (
        "data.train_size = 160, data.val_size = 160 px, as test_vit was trained; another with --set"
        in done.err
    )
    recipe = (tmp_path / "runs/vit/recipe.toml").read_text()
    assert "train_size = 160" in recipe


def test_a_size_that_a_model_does_not_take_is_refused_before_there_is_a_run(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=3, val=1, test=0)
    sizes = settings("data.train_size=100", "data.val_size=100")
    message = refusal("train", data, "--recipe", "quick", *sizes, cwd=tmp_path)
    assert "test_vit doesn't take images of 100 px" in message
    assert not (tmp_path / "runs").exists()
