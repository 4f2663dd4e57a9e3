"""What goes wrong after a run has begun: told once, in the journal and the exit code."""

import shutil
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from engine.journal.events import BadImage, RunEnded, RunWarning
from engine.recipe.recipe import load_recipe
from tests.engine.conducting import Played, play
from tests.made_data import make_pictures, make_run


def reason(played: Played) -> str:
    ended = played.events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.outcome == "failed"
    assert ended.exit_code == played.code == 1
    return ended.reason


def test_unreadable_images_are_told_once_and_left_out(tmp_path: Path, runs: Path) -> None:
    data = make_pictures(tmp_path / "data")
    bad = [data / "train/red/red0.png", data / "train/blue/\x1b[31mtorn.png", data / "val/green/green1.png"]
    for path in (*bad, data / "test/2.png"):
        path.write_bytes(b"\x89PNG\r\n\x1a\n torn")
    played = play(make_run(runs, data, "train.epochs=3"))
    assert played.code == 0
    told = [(event.path, event.split) for event in played.events if isinstance(event, BadImage)]
    assert sorted(told) == sorted(
        [(str(path), "val" if "val" in path.parts else "train") for path in bad]
        + [(str(data / "test/2.png"), "test")]
    )
    assert all(
        epoch.val_acc * 11 / 100 == pytest.approx(round(epoch.val_acc * 11 / 100))
        for epoch in played.state.epochs
    )
    prediction = (runs / "run/prediction.csv").read_text()
    assert [line.split(",")[0] for line in prediction.splitlines()[1:]] == ["0", "1", "3", "4"]


def test_no_image_can_be_read(tmp_path: Path, runs: Path) -> None:
    data = make_pictures(tmp_path / "data")
    for path in (data / "train").rglob("*.png"):
        path.write_bytes(b"")
    assert "none of the training images" in reason(play(make_run(runs, data)))


def test_the_data_is_gone(tmp_path: Path, runs: Path) -> None:
    data = make_pictures(tmp_path / "data")
    run = make_run(runs, data)
    shutil.rmtree(data)
    assert "no such folder" in reason(play(run))


def test_weights_that_cannot_be_had(pictures: Path, runs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    played = play(make_run(runs, pictures, "model.pretrained=true"))
    said = reason(played)
    assert said.startswith("no pretrained weights for test_efficientnet")
    assert "model.pretrained=false" in said
    assert "Traceback" in capfd.readouterr().err  # engine.log, when the console starts the engine


def test_a_loss_that_is_no_number(pictures: Path, runs: Path, tmp_path: Path) -> None:
    tensors = timm.create_model("test_efficientnet").state_dict()
    tensors["conv_stem.weight"].fill_(3e38)  # numbers still, but no sum of them is
    save_file(tensors, tmp_path / "huge.safetensors")
    said = reason(play(make_run(runs, pictures, f"model.weights={tmp_path / 'huge.safetensors'}")))
    assert "the loss is no longer a number (epoch 1, step " in said
    assert "lower optim.lr" in said


def test_a_damaged_checkpoint_is_named(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, "train.epochs=1")
    play(run)
    path = run.checkpoints / "last/train_state.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert "checkpoints/last" in reason(play(run))


def test_classes_that_changed_since_the_checkpoint(tmp_path: Path, runs: Path) -> None:
    data = make_pictures(tmp_path / "data")
    run = make_run(runs, data, "train.epochs=1")
    play(run)
    for split in ("train", "val"):
        (data / split / "red").rename(data / split / "crimson")
    assert "classes" in reason(play(run))


def test_a_broken_recipe_in_the_run_folder(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures)
    run.recipe.write_text("[train]\nepochs = oops\n")
    assert "recipe" in reason(play(run))


def test_a_checkpoint_that_cannot_be_written_is_a_warning(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, pictures, "train.epochs=2")
    (run.checkpoints / ".last.new").write_text("a file where the folder should be")
    played = play(run)
    warnings = [event.message for event in played.events if isinstance(event, RunWarning)]
    assert any("could not be written" in message for message in warnings)
    assert played.code == 0


def test_presets_are_whole_recipes() -> None:
    for name in ("report", "report-text", "resnet50", "quick", "demo"):
        recipe = load_recipe(name)
        assert recipe.model.name
