"""Which sizes of image a model takes: one smallest member of each kind of behaviour."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from engine.core.ended import how_ended
from engine.core.errors import UserError
from engine.model.build import build_model, restore_model
from engine.model.sizes import own_sizes, try_model
from engine.model.strided import avoid_heap_corruption
from engine.recipe.sections import Model
from engine.training.checkpoint import find, load_model_file
from tests.engine.conducting import play
from tests.made_data import make_pictures, make_run


@pytest.mark.parametrize(
    ("name", "train", "val", "args"),
    [
        ("test_efficientnet", 32, 48, {}),
        ("test_vit_relpos", 160, 160, {}),
        ("test_vit_relpos", 64, 64, {"img_size": 64}),
        ("deit_tiny_patch16_224", 64, 96, {"img_size": 64, "dynamic_img_size": True}),
        ("swin_tiny_patch4_window7_224", 64, 96, {"img_size": 64, "dynamic_img_size": True}),
    ],
)
def test_a_model_is_built_for_the_sizes(name: str, train: int, val: int, args: dict[str, int]) -> None:
    assert try_model(name, train, val, 4) == args


@pytest.mark.parametrize(
    ("name", "train", "val", "batch", "line"),
    [
        ("test_coatnet", 64, 96, 4, "set data.val_size=data.train_size: both to 64 or both to 96"),
        (
            "efficientformer_l1",
            64,
            64,
            4,
            "it takes 224 px only: set data.train_size=224 and data.val_size=224",
        ),
        ("resnest14d", 64, 64, 1, "set data.batch_size=2 or more"),
        ("gemma4_vit_167m_enc", 96, 96, 2, "can't be trained"),
    ],
)
def test_what_a_model_does_not_take_is_refused_in_a_line(
    name: str, train: int, val: int, batch: int, line: str
) -> None:
    with pytest.raises(UserError) as refused:
        try_model(name, train, val, batch)
    assert line in str(refused.value)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_s_own_sizes() -> None:
    assert own_sizes("test_vit") == (160, 160)
    assert own_sizes("densenet121.ra_in1k") == (224, 288)


def test_weights_of_another_size_are_interpolated(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "own.safetensors"
    save_file(timm.create_model("deit_tiny_patch16_224").state_dict(), file)
    recipe = Model(name="deit_tiny_patch16_224", weights=str(file))
    module = build_model(recipe, 3, 0, {"img_size": 64}).module
    assert module.state_dict()["pos_embed"].shape[1] == 4 * 4 + 1


def test_a_checkpoint_remembers_how_its_model_is_built(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=4, val=2, size=32)
    run = make_run(
        tmp_path / "runs", data, "train.epochs=1", "model.name=test_vit_relpos", "data.train_size=64",
        "data.val_size=64",
    )  # fmt: skip
    assert play(run).code == 0
    best = find(run.checkpoints, "best")
    assert best is not None
    tensors, facts = load_model_file(best)
    assert facts.model_args == {"img_size": 64}
    restore_model(facts.name, 3, tensors, facts.model_args)
    path = str(best / "model.safetensors")
    opened = timm.create_model(facts.name, num_classes=3, checkpoint_path=path, **facts.model_args)
    assert opened(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    edited = (
        run.recipe.read_text()
        .replace("val_size = 64", "val_size = 96")
        .replace("epochs = 1\n", "epochs = 2\n")
    )
    run.recipe.write_text(edited)
    refused = play(run)
    assert refused.code == 1
    assert refused.state.ended is not None
    assert "takes one size for training and validation" in refused.state.ended.reason


def test_a_size_that_a_model_does_not_take_ends_a_run_before_its_data_are_read(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "runs",
        make_pictures(tmp_path / "data", train=2, val=1, size=32),
        "model.name=test_coatnet",
        "data.val_size=96",
    )
    refused = play(run)
    assert refused.state.ended is not None
    assert "takes one size for training and validation" in refused.state.ended.reason
    assert refused.state.data is None


def test_strided_convolutions_of_few_channels_give_the_same_numbers() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 1, 2), nn.Conv2d(8, 8, 3, 2), nn.Conv2d(8, 4, 1))
    images = torch.randn(2, 3, 17, 17)
    expected = layers(images)
    assert avoid_heap_corruption(layers) == 1
    assert torch.allclose(layers(images), expected, atol=1e-6)


def test_repvgg_trains_on_the_cpu() -> None:
    """In a process of its own, which a corrupted heap would end."""
    code = (
        "import timm, torch\n"
        "from engine.model.strided import avoid_heap_corruption\n"
        "m = timm.create_model('repvgg_a0', num_classes=3).to(memory_format=torch.channels_last)\n"
        "assert avoid_heap_corruption(m) == 1\n"
        "for _ in range(4): m(torch.randn(4, 3, 128, 128).contiguous(memory_format=torch.channels_last))"
        ".sum().backward()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, how_ended(done.returncode)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-11, "ended by SIGSEGV"),
        (-9, "ended by SIGKILL"),
        (3, "ended with exit code 3"),
        (-63, "ended by signal 63"),
    ],
)
def test_how_a_process_ended(code: int, words: str) -> None:
    assert how_ended(code) == words
