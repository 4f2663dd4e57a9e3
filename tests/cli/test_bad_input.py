"""Bad input gets one line on stderr and exit code 2, and leaves nothing behind."""

import os
from pathlib import Path

import pytest

from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir
from tests.cli.calling import call, refusal, start


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that looks right by its names."""
    for name in ("train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/b/1.jpg", "test/1.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    return tmp_path / "data"


def test_no_such_folder(tmp_path: Path) -> None:
    assert refusal("train", "absent", cwd=tmp_path) == "no such folder: absent"


def test_no_images(tmp_path: Path) -> None:
    (tmp_path / "data" / "train" / "a").mkdir(parents=True)
    assert "no images in class folders below" in refusal("train", "data", cwd=tmp_path)


def test_one_class(data: Path, tmp_path: Path) -> None:
    (data / "train/b/1.jpg").unlink()
    assert "only one class (a)" in refusal("train", "data", cwd=tmp_path)


def test_classes_that_differ(data: Path, tmp_path: Path) -> None:
    (data / "val/b").rename(data / "val/c")
    message = refusal("train", "data", cwd=tmp_path)
    assert "data.val has classes that data.train hasn't: c; rename or remove their folders" in message


@pytest.mark.parametrize("command", ["train", "ablate"])
def test_validation_images_that_are_trained_on(data: Path, tmp_path: Path, command: str) -> None:
    name = ("--name", "x") if command == "ablate" else ()
    trained = ("--set", "data.val=data/train")
    (data / "val").rename(data / "kept")
    (data / "val").symlink_to("train")
    for settings in ((), trained, ("--set", f"data.val={data}/val")):
        message = refusal(command, "data", *name, *settings, cwd=tmp_path)
        assert f"data.val is the same folder as data.train ({data}/train)" in message
        assert "leave data.val empty to hold out data.val_fraction of each class" in message
    (data / "val").unlink()
    (data / "kept").rename(data / "val")
    assert "data.val is the same folder" in refusal(command, "data", *name, *trained, cwd=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", ""), "DATA is empty; give a path, or . for the current folder"),
        (("ablate", ""), "DATA is empty; "),
        (("doctor", ""), "DATA is empty; "),
        (("outliers", "scan", ""), "DATA is empty; "),
        (("train", "data", "--runs", ""), "--runs is empty; "),
        (("train", "data", "--recipe", ""), "the recipe is empty; give a file, or one of the presets demo, "),
        (("train", "data", "--set", "data.train="), "data.train: no such folder: (empty)"),
        (("predict", "mine", "--test", ""), "--test is empty; "),
        (("predict", "mine", "--out", ""), "--out is empty; "),
        (("compare", "mine", "--csv="), "--csv is empty; "),
        (("resume", ""), "RUN is empty; give the name of a run, or its path"),
        (("resume", "mine", "--data", ""), "--data is empty; "),
        (("doctor", "data", "--duplicates", "--picture", ""), "--picture is empty; "),
        (("attach", ""), "RUN is empty; "),
        (("send", "", "pause"), "RUN is empty; "),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert words in refusal(*arguments, cwd=tmp_path)


def test_a_folder_of_weights(data: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    for name in ("last.pth.tar", "model_best.pth.tar"):
        (tmp_path / "weights" / name).touch()
    answer = call("train", "data", "--set", "model.weights=weights", cwd=tmp_path)
    assert answer.code == 2
    assert answer.err.endswith("weights holds 2 weights files; give one: last.pth.tar, model_best.pth.tar\n")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("w.h5", b"\x89HDF\r\n\x1a\n", "is a Keras file (HDF5); give PyTorch weights\n"),
        ("w.safetensors", b"<html>404", "is not a weights file: its header can't have"),
        ("w.pth", b"version https://git-lfs.github.com/spec/v1\n", "fetch the file with git lfs pull\n"),
    ],
)
def test_a_file_that_holds_no_weights(
    data: Path, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    answer = call("train", "data", "--set", f"model.weights={name}", cwd=tmp_path)
    assert answer.code == 2
    assert f"vrdl-tui: model.weights: {tmp_path / name} " in answer.err
    assert words in answer.err
    assert not (tmp_path / "runs").exists()


def test_unknown_key(data: Path, tmp_path: Path) -> None:
    message = refusal("train", "data", "--set", "optim.learning_rat=1", "--set", "lr=2", cwd=tmp_path)
    assert "unknown key lr; did you mean optim.lr?" in message


def test_values_out_of_range_are_listed_all_at_once(data: Path, tmp_path: Path) -> None:
    bad = ("train.epochs=0", "optim.lr=-1", "schedule.kind=linear", "data.train_size=big")
    message = refusal("train", "data", *(word for one in bad for word in ("--set", one)), cwd=tmp_path)
    for part in ("train.epochs = 0", "optim.lr = -1", "schedule.kind = 'linear'", "data.train_size = 'big'"):
        assert part in message


def test_unknown_model(data: Path, tmp_path: Path) -> None:
    message = refusal("train", "data", "--set", "model.name=resnet19", cwd=tmp_path)
    assert "timm has no model 'resnet19'; did you mean resnet1" in message


def test_malformed_toml(data: Path, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[optim]\nlr = = 1\n")
    message = refusal("train", "data", "--recipe", "my.toml", cwd=tmp_path)
    assert "my.toml is not TOML" in message
    assert "line 2" in message


def test_unknown_recipe(data: Path, tmp_path: Path) -> None:
    assert "did you mean quick?" in refusal("train", "data", "--recipe", "quikc", cwd=tmp_path)


def test_missing_weights_file(data: Path, tmp_path: Path) -> None:
    message = refusal("train", "data", "--set", "model.weights=w.safetensors", cwd=tmp_path)
    assert message == f"model.weights: no such file: {tmp_path}/w.safetensors"


def test_no_gpu(data: Path, tmp_path: Path) -> None:
    for asked in (("--device", "cuda"), ("--set", "train.device=cuda")):
        message = refusal("train", "data", *asked, cwd=tmp_path, CUDA_VISIBLE_DEVICES="")
        assert message.startswith("train.device=cuda: no NVIDIA GPU")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "..", "a/b", ""])
def test_a_run_name_that_escapes(data: Path, tmp_path: Path, name: str) -> None:
    assert refusal("train", "data", f"--name={name}", cwd=tmp_path).startswith(f"run name '{name}'")


def test_a_taken_run_name(data: Path, tmp_path: Path) -> None:
    RunDir.create(tmp_path / "runs", "mine", "m", "")
    message = refusal("train", "data", "--recipe", "quick", "--name", "mine", cwd=tmp_path)
    assert message == "run mine exists already in runs; choose another --name"


def test_a_runs_folder_that_is_a_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "file" in refusal("train", "data", "--recipe", "quick", "--runs", "file", cwd=tmp_path)
    assert "file" in refusal("train", "data", "--recipe", "quick", "--runs", "file/deep", cwd=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_runs_folder_that_cannot_be_written(data: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "Permission denied" in refusal("train", "data", "--runs", "closed/runs", cwd=tmp_path)


def test_a_run_that_is_running(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "runs", "mine", "m", Recipe().to_toml())
    lock = run.lock()
    assert "run mine is already running" in refusal("resume", "mine", cwd=tmp_path)
    lock.release()


def test_attach_to_nothing(tmp_path: Path) -> None:
    assert "no runs in runs; start one with: vrdl-tui train DATA" in refusal("attach", cwd=tmp_path)
    assert refusal("attach", "ghost", cwd=tmp_path) == "no run ghost in runs; vrdl-tui runs lists them"


def test_the_console_off_a_terminal(tmp_path: Path) -> None:
    RunDir.create(tmp_path / "runs", "mine", "m", Recipe().to_toml())
    for arguments in ((), ("attach",), ("attach", "mine")):
        assert "needs a terminal" in refusal(*arguments, cwd=tmp_path)


def test_send_to_a_run_that_is_not_running(tmp_path: Path) -> None:
    RunDir.create(tmp_path / "runs", "mine", "m", Recipe().to_toml())
    message = refusal("send", "mine", "pause", cwd=tmp_path)
    assert message == "run mine is not running, so nothing can be sent; vrdl-tui resume mine goes on with it"


def test_send_with_bad_settings(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "runs", "mine", "m", Recipe().to_toml())
    lock = run.lock()
    for arguments, words in (
        (("set", "optim.l=1"), "optim.l can't be set while a run goes on; did you mean optim.lr?"),
        (("set", "data.batch_size=1"), "these can: optim.lr, "),
        (("set", "optim.lr=-1"), "optim.lr = -1"),
        (("set", "optim.lr"), "is not KEY=VALUE"),
        (("set",), "needs one KEY=VALUE"),
        (("pause", "optim.lr=1"), "takes no KEY=VALUE"),
        (("pause", "--after-epoch"), "--after-epoch goes with stop"),
        (("explode",), 'Invalid value "explode"'),
    ):
        assert words in refusal("send", "mine", *arguments, cwd=tmp_path)
    lock.release()


def test_predict_without_what_it_needs(data: Path, tmp_path: Path) -> None:
    assert refusal("predict", cwd=tmp_path).startswith("which run?")
    run = RunDir.create(tmp_path / "runs", "mine", "m", Recipe().to_toml())
    assert "no best weights yet" in refusal("predict", "mine", cwd=tmp_path)
    (run.checkpoints / "best").mkdir()
    assert "has no test folder; name one with --test DIR" in refusal("predict", "mine", cwd=tmp_path)
    assert "no such folder: nowhere" in refusal("predict", "mine", "--test", "nowhere", cwd=tmp_path)
    (tmp_path / "empty").mkdir()
    assert "no images in empty" in refusal("predict", "mine", "--test", "empty", cwd=tmp_path)
    (tmp_path / "mine.csv").write_text("precious")
    for out in ("mine.csv", "nowhere/x.csv"):
        message = refusal("predict", "mine", "--test", "data/test", "--out", out, cwd=tmp_path)
        assert ("exists already" in message) == (out == "mine.csv")
    assert (tmp_path / "mine.csv").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trian", "data"), "no command 'trian'; did you mean train?"),
        (("train",), "requires an argument. See: vrdl-tui train --help"),
        (("train", "data", "--recpe", "quick"), "Unknown option: --recpe."),
        (("train", "data", "--device", "tpu"), 'Invalid value "tpu" for --device.'),
        (("train", "data", "--headless", "--detach"), "give one of them"),
        (("train", "data", "more"), "See: vrdl-tui train --help"),
        (("--frobnicate",), "Unknown option: --frobnicate."),
    ],
)
def test_wrong_calls(data: Path, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in refusal(*arguments, cwd=tmp_path)


def test_hostile_names_stay_on_their_line(tmp_path: Path) -> None:
    assert "\x1b" not in refusal("train", "a\x1b[2J\nb", cwd=tmp_path)
    assert "\x1b" not in refusal("attach", "a\x1b[2J\nb", cwd=tmp_path)
    assert "\x1b" not in refusal("\x1b[2J", cwd=tmp_path)


def test_a_folder_whose_name_is_no_text(data: Path, tmp_path: Path) -> None:
    data.rename(tmp_path / os.fsdecode(b"\xff"))
    message = refusal("train", os.fsdecode(b"\xff"), cwd=tmp_path)
    assert "data.train" in message
    assert "not UTF-8 text" in message


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    for number in range(3):
        RunDir.create(tmp_path / "runs", f"run{number}", "m", Recipe().to_toml())
    with start("runs", "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr.read() == ""


def test_no_runs_yet(tmp_path: Path) -> None:
    answer = call("runs", cwd=tmp_path)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "no runs in runs; start one with: vrdl-tui train DATA\n"
