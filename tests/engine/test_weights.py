"""Weights files as other programs write them: which of their tensors a model takes, and which files it refuses."""

import argparse
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.utils import CheckpointSaver, ModelEmaV3
from torch import nn
from torch.optim.swa_utils import AveragedModel

from engine.core.errors import UserError
from engine.model.build import BuiltModel, build_model
from engine.model.weights_file import Tensors, read_weights
from engine.recipe.sections import Model
from engine.recipe.weights_source import find_weights

NAME = "test_resnet"
OTHERWISE = "to use another part of it, give a file with that alone"


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = timm.create_model(NAME, num_classes=4)
    return module


@pytest.fixture(scope="module")
def averaged(trained: nn.Module) -> nn.Module:
    ema = ModelEmaV3(trained)
    for weight in ema.module.parameters():
        weight.data.add_(1)
    return ema.module


def load(path: Path, name: str = NAME) -> BuiltModel:
    return build_model(Model(name=name, weights=str(path)), 3, 0)


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}{name}": value for name, value in tensors.items()}


def saved_by_timm(path: Path, model: nn.Module, ema: nn.Module) -> Path:
    """Return what timm's train.py saves, optimiser and arguments included."""
    optimizer = torch.optim.AdamW(model.parameters())
    saver = CheckpointSaver(
        model, optimizer, argparse.Namespace(model=NAME, lr=0.1), ema, checkpoint_dir=str(path.parent)
    )
    saver.save_checkpoint(3, metric=np.float64(71.5))
    return path.parent / "last.pth.tar"


Write = Callable[[Path, nn.Module, nn.Module], object]
SAVED: dict[str, tuple[Write, bool, str]] = {
    "plain": (lambda path, model, _: torch.save(model.state_dict(), path), False, ""),
    "timm's train.py": (saved_by_timm, True, f"took state_dict_ema, not state_dict ({OTHERWISE})"),
    "compiled": (
        lambda path, model, _: torch.save(torch.compile(model).state_dict(), path),
        False,
        "removed _orig_mod. from its names",
    ),
    "compiled, on several GPUs": (
        lambda path, model, _: torch.save(nn.DataParallel(torch.compile(model)).state_dict(), path),  # type: ignore[arg-type]
        False,
        "removed _orig_mod. and module. from its names",
    ),
    "a part compiled": (
        lambda path, model, _: torch.save(
            {name.replace("layer1.", "layer1._orig_mod."): value for name, value in model.state_dict().items()}, path
        ),
        False,
        "removed _orig_mod. from its names",
    ),
    "AveragedModel": (
        lambda path, model, _: torch.save(AveragedModel(model).state_dict(), path),
        False,
        f"removed module. from its names; took none of 1 tensor (n_averaged) without that prefix ({OTHERWISE})",
    ),
    "Lightning": (
        lambda path, model, _: torch.save(
            {
                "epoch": 3, "pytorch-lightning_version": "2.5", "callbacks": {}, "hyper_parameters": {"lr": 0.1},
                "state_dict": {**prefixed("model.", model.state_dict()), "criterion.weight": torch.ones(4)},
                "optimizer_states": [torch.optim.AdamW(model.parameters()).state_dict()],
            },
            path,
        ),
        False,
        "removed model. from its names; took none of 1 tensor (criterion.weight) without that prefix "
        f"({OTHERWISE})",
    ),
    "fastai": (
        lambda path, model, _: torch.save(
            {
                "model": prefixed("0.model.", model.state_dict()),
                "opt": {"state": {}, "param_groups": [], "moments": {"w": torch.ones(2)}},
            },
            path,
        ),
        False,
        "removed 0.model. from its names",
    ),
    "DINO": (
        lambda path, model, ema: torch.save(
            {
                "student": prefixed("module.backbone.", model.state_dict()),
                "teacher": prefixed("backbone.", ema.state_dict()) | {"head.mlp.0.weight": torch.ones(2)},
            },
            path,
        ),
        True,
        f"took teacher, not student ({OTHERWISE}); removed backbone. from its names; "
        f"took none of 1 tensor (head.mlp.0.weight) without that prefix ({OTHERWISE})",
    ),
    "an average beside, in one state dict": (
        lambda path, model, ema: torch.save(
            prefixed("online_model.", model.state_dict()) | prefixed("ema_model.", ema.state_dict()), path
        ),
        True,
        f"removed ema_model. from its names; took none of 92 tensors (online_model.conv1.0.weight first) without that "
        f"prefix ({OTHERWISE})",
    ),
    "nested twice": (
        lambda path, model, _: torch.save({"a": {"network": {"w": model.state_dict()}}}, path), False, "",
    ),
    "other heads and counters": (
        lambda path, model, _: torch.save(
            model.state_dict()
            | {"head_dist.weight": torch.ones(2), "aux.0.weight": torch.ones(2), "layer1.total_ops": torch.ones(1)},
            path,
        ),
        False,
        "ignored 3 tensors (head_dist.weight first), which the model doesn't have",
    ),
    "float64": (
        lambda path, model, _: torch.save(
            {name: value.double() if "num" not in name else value for name, value in model.state_dict().items()}, path
        ),
        False,
        "",
    ),
    "safetensors, with a prefix": (
        lambda path, model, _: save_file(prefixed("encoder.student.net.", model.state_dict()), path),
        False,
        "removed encoder.student.net. from its names",
    ),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".pth", ".hash"])
@pytest.mark.parametrize("what", SAVED)
def test_what_trainers_save_is_taken(
    tmp_path: Path, trained: nn.Module, averaged: nn.Module, what: str, suffix: str
) -> None:
    write, takes_average, said = SAVED[what]
    path = tmp_path / f"w{suffix}"
    written = write(path, trained, averaged)
    path = written if isinstance(written, Path) else path
    built = load(path)
    own, source = built.module.state_dict(), (averaged if takes_average else trained).state_dict()
    backbone = [name for name in source if not name.startswith("fc.")]
    assert len(backbone) == len(own) - 2
    assert all(own[name].equal(source[name].to(own[name].dtype)) for name in backbone)
    assert built.said == (f"model.weights: {path}: {said}" if said else "")


def test_position_embeddings_are_interpolated_inside_a_prefix(tmp_path: Path) -> None:
    torch.save(prefixed("net.", timm.create_model("test_vit", img_size=64).state_dict()), tmp_path / "w.pth")
    built = load(tmp_path / "w.pth", "test_vit")
    assert built.module.state_dict()["pos_embed"].shape[1] == 101
    assert built.said.endswith("removed net. from its names")


def deeper(tensors: Tensors) -> Tensors:
    more = {name.replace("layer4.0.", "layer4.1."): value for name, value in tensors.items()}
    return tensors | more


MISFITS: dict[str, tuple[Write, str]] = {
    "more layers than the model": (
        lambda path, model, _: torch.save(deeper(model.state_dict()), path),
        "left over: layer4.1.conv1.weight, layer4.1.bn1.weight, layer4.1.bn1.bias …; ",
    ),
    "more layers, in a prefix": (
        lambda path, model, _: torch.save(prefixed("module.", deeper(model.state_dict())), path),
        "left over: layer4.1.conv1.weight",
    ),
    "fewer layers": (
        lambda path, model, _: torch.save(
            {name: value for name, value in model.state_dict().items() if not name.startswith("layer4.")}, path
        ),
        "tensors missing, layer4.0.conv1.weight first",
    ),
    "another family": (
        lambda path, _, __: torch.save(timm.create_model("test_vit").state_dict(), path),
        "tensors missing, ",
    ),
    "the model that the file names": (
        lambda path, _, __: torch.save(
            {"arch": "test_vit", "state_dict": timm.create_model("test_vit").state_dict()}, path
        ),
        f"it says that it is of test_vit: set model.name=test_vit, or give the weights of {NAME}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISFITS)
def test_what_does_not_fit_is_refused(tmp_path: Path, trained: nn.Module, what: str) -> None:
    write, words = MISFITS[what]
    write(tmp_path / "w.pth", trained, trained)
    with pytest.raises(UserError, match=r"w\.pth doesn't fit the model: ") as caught:
        load(tmp_path / "w.pth")
    assert words in str(caught.value)


def test_a_relative_that_fits_is_named(tmp_path: Path) -> None:
    torch.save({"model": prefixed("net.", timm.create_model("test_vit2").state_dict())}, tmp_path / "w.pth")
    with pytest.raises(
        UserError, match=r"it fits test_vit2: set model\.name=test_vit2, or give the weights of test_vit"
    ):
        load(tmp_path / "w.pth", "test_vit")


def archive(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"")


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "Keras": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "is a Keras file (HDF5); give PyTorch"),
    "Keras 3": (lambda path: archive(path, "config.json", "model.weights.h5"), "is a Keras file; give PyTorch"),
    "NumPy": (lambda path: np.savez(path.open("wb"), w=np.ones(2)), "is an archive of NumPy arrays"),
    "TorchScript": (lambda path: archive(path, "m/data.pkl", "m/code/x.py"), "is a TorchScript program: save "),
    "Git LFS": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "a web page": (lambda path: path.write_text("<!DOCTYPE html>"), "is a web page: download the file itself"),
    "a whole model": (
        lambda path: torch.save(nn.Linear(2, 2), path),
        "holds more than tensors (torch.nn.modules.linear.Linear), so it isn't loaded; if you trust it, save its "
        "state_dict() alone",
    ),
    "code in timm's arguments": (
        lambda path: torch.save({"args": argparse.Namespace(f=os.system), "state_dict": {"w": torch.ones(1)}}, path),
        "holds more than tensors (posix.system), so it isn't loaded",
    ),
    "an object of NumPy": (
        lambda path: torch.save({"args": np.ones(2), "state_dict": {"w": torch.ones(1)}}, path),
        "holds more than tensors (numpy._core.multiarray._reconstruct, numpy.ndarray)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_other_programs_files_are_named_for_what_they_are(tmp_path: Path, what: str) -> None:
    write, words = FOREIGN[what]
    write(tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"^model\.weights: .*w\.pt (is|holds) ") as caught:
        read_weights(tmp_path / "w.pt")
    assert words in str(caught.value)


FOLDERS: dict[str, tuple[tuple[str, ...], str]] = {
    "one file": (("w.pth", "README.md"), "w.pth"),
    "a snapshot of the hub": (("config.json", "model.safetensors", "pytorch_model.bin"), "model.safetensors"),
    "an older snapshot": (("config.json", "pytorch_model.bin", "optimizer.bin"), "pytorch_model.bin"),
    "our checkpoint": (("model.safetensors", "train_state.safetensors"), "model.safetensors"),
    "our run": (("recipe.toml", "checkpoints/best/model.safetensors"), "checkpoints/best/model.safetensors"),
    "several": (("last.pth.tar", "model_best.pth.tar"), "holds 2 weights files; give one: last.pth.tar, model_best"),
    "none": (("a.jpg",), "no weights file in "),
    "nothing": ((), "it holds nothing"),
    "in parts": (
        ("model.safetensors.index.json", "model-1-of-2.safetensors", "model-2-of-2.safetensors"),
        "model.safetensors.index.json lists weights in several files",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FOLDERS)
def test_a_folder_is_the_one_weights_file_in_it(tmp_path: Path, what: str) -> None:
    files, expected = FOLDERS[what]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if expected in files:
        assert find_weights(tmp_path) == tmp_path / expected
    else:
        with pytest.raises(UserError, match=re.escape(expected)):
            find_weights(tmp_path)
