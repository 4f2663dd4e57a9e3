"""Weights and checkpoints that are damaged, foreign or made to do harm: refused in one line, nothing run or lost."""

import json
import os
import pickle
import resource
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.core.errors import UserError
from engine.core.tensor_file import read_metadata
from engine.journal.events import RunWarning
from engine.model.build import build_model
from engine.model.weights_file import read_weights
from engine.recipe.recipe import load_recipe
from engine.recipe.sections import Model
from engine.run.directory import RunDir
from engine.run.train_state import MODEL, TRAIN_STATE, peek
from engine.training import checkpoint
from engine.training.optimizer import build_optimizer
from tests import warm
from tests.engine.conducting import play
from tests.engine.test_resume import assert_same_end
from tests.made_data import COLOURS, make_run
from tests.made_hostile_files import Trap, tensor_file

ONE = {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
DATA = bytes(24)
TWICE = b"{" + b",".join([json.dumps(ONE).encode()[1:-1]] * 2) + b"}"


def entry(**changes: Any) -> dict[str, Any]:
    return {"w": ONE["w"] | changes}


def huge_header(path: Path) -> None:
    with tensor_file(path, b"", length=10 << 30).open("ab") as file:
        file.truncate((10 << 30) + 8)


def hollow(path: Path) -> None:
    """A terabyte of zeros, none of it on the disk."""
    size = 1 << 40
    header = json.dumps(entry(shape=[size // 4], data_offsets=[0, size])).encode()
    with tensor_file(path, header).open("ab") as file:
        file.truncate(8 + len(header) + size)


DAMAGED: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "seven bytes": lambda path: path.write_bytes(b"\x01" * 7),
    "text": lambda path: path.write_text("<html>404 Not Found</html>"),
    "10 GB header": huge_header,
    "negative length": lambda path: tensor_file(path, ONE, DATA, length=-1),
    "length of nothing": lambda path: tensor_file(path, ONE, DATA, length=0),
    "no JSON": lambda path: tensor_file(path, b"{" * 50, DATA),
    "no UTF-8": lambda path: tensor_file(path, b'{"\xff":1}', DATA),
    "nested": lambda path: tensor_file(path, b'{"w":' + b"[" * 200_000, DATA),
    "a list": lambda path: tensor_file(path, [], DATA),
    "twice": lambda path: tensor_file(path, TWICE, DATA),
    "cut": lambda path: tensor_file(path, ONE, DATA[:-1]),
    "too long": lambda path: tensor_file(path, ONE, DATA + b"\0"),
    "another length": lambda path: tensor_file(path, entry(shape=[2, 4]), DATA),
    "negative shape": lambda path: tensor_file(path, entry(shape=[-2, -3]), DATA),
    "overflow": lambda path: tensor_file(path, entry(shape=[1 << 40, 1 << 40]), DATA),
    "negative place": lambda path: tensor_file(path, entry(data_offsets=[-24, 0]), DATA),
    "backwards": lambda path: tensor_file(path, entry(data_offsets=[24, 0]), DATA),
    "a gap": lambda path: tensor_file(path, entry(data_offsets=[4, 28]), DATA + b"1234"),
    "unknown type": lambda path: tensor_file(path, entry(dtype="F99"), DATA),
    "no place": lambda path: tensor_file(path, {"w": {}}, DATA),
    "metadata of numbers": lambda path: tensor_file(path, ONE | {"__metadata__": {"a": 1}}, DATA),
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"w": Trap(f"touch {path.parent}/trapped")})),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_tensor_file_that_is_none(tmp_path: Path, what: str) -> None:
    path = tmp_path / "w.safetensors"
    DAMAGED[what](path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        UserError, match=r"model\.weights: .*w\.safetensors is not a weights file: .*; download it again"
    ) as caught:
        read_weights(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400 + len(str(path))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 100
    assert [one.name for one in tmp_path.iterdir()] == ["w.safetensors"]


def archive(path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in content.items():
            file.writestr(name, data)


def trapped(path: Path, protocol: int = 2) -> bytes:
    return pickle.dumps({"w": Trap(f"touch {path.parent}/trapped")}, protocol)


def of_version_255(path: Path) -> None:
    torch.save({"w": torch.zeros(2)}, path)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 6] = 255
    path.write_bytes(content)


PICKLES: dict[str, Callable[[Path], object]] = {
    "alone": lambda path: path.write_bytes(trapped(path)),
    "newest protocol": lambda path: path.write_bytes(trapped(path, pickle.HIGHEST_PROTOCOL)),
    "text protocol": lambda path: path.write_bytes(trapped(path, 0)),
    "in torch's archive": lambda path: archive(
        path, {"archive/data.pkl": trapped(path), "archive/version": b"3\n"}
    ),
    "with torch's own": lambda path: torch.save({"w": Trap(f"touch {path.parent}/trapped")}, path),
    "as torch wrote it once": lambda path: torch.save(
        {"w": Trap(f"touch {path.parent}/trapped")}, path, _use_new_zipfile_serialization=False
    ),
    "a whole model": lambda path: torch.save(torch.nn.Linear(2, 2), path),
    "an eval": lambda path: path.write_bytes(
        b"cbuiltins\neval\n(V__import__('os').system('touch " + os.fsencode(path.parent) + b"/trapped')\ntR."
    ),
    "through torch": lambda path: path.write_bytes(
        b"ctorch.hub\nload\n(V" + os.fsencode(path.parent) + b"\nVmodel\ntR."
    ),
    "names that lead out": lambda path: archive(
        path, {"../../trapped": b"1", "/tmp/trapped": b"1", "archive/data.pkl": trapped(path)}
    ),
    "an archive that unpacks": lambda path: archive(
        path, {"archive/data.pkl": bytes(300 << 20), "archive/version": b"3\n"}, zipfile.ZIP_DEFLATED
    ),
    "nothing": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(5000)),
    "numbers": lambda path: torch.save([1, 2, 3], path),
    "a pipe": lambda path: os.mkfifo(path),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "of another version": of_version_255,
    "nested": lambda path: path.write_bytes(b"\x80\x02" + b"(" * 100_000 + b"l" * 100_000 + b"."),
}


@pytest.mark.parametrize("suffix", [".pth", ".bin", ".PT"])
@pytest.mark.parametrize("what", PICKLES)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_runs_nothing(tmp_path: Path, what: str, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    PICKLES[what](path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"model\.weights: .*/w\.(pth|bin|PT) (is|holds) ") as caught:
        read_weights(path)
    assert str(caught.value).isprintable()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 250
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run of four epochs that was never stopped."""
    run = make_run(tmp_path_factory.mktemp("whole"), pictures, "train.epochs=4")
    assert play(run).code == 0
    return run


@pytest.fixture(scope="module")
def half(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """The same run, stopped after its second epoch."""
    from engine.control.commands import Stop

    run = make_run(tmp_path_factory.mktemp("half"), pictures, "train.epochs=4")

    def script(watcher: Any) -> None:
        watcher.until(lambda state: state.epoch is not None and state.epoch.epoch == 2)
        watcher.ask(Stop(after_epoch=True))

    assert play(run, script).code == 0
    return run


@pytest.fixture
def again(half: RunDir, tmp_path: Path) -> RunDir:
    shutil.copytree(half.path, tmp_path / "runs/again")
    return RunDir(tmp_path / "runs/again")


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, str]], object]) -> None:
    tensors, metadata = load_file(path), read_metadata(path)
    tensors = {name: value.clone() for name, value in tensors.items()}
    change(tensors, metadata)
    path.unlink()
    save_file(tensors, path, metadata)


def put(name: str, make: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any, Any], object]:
    def change(tensors: dict[str, torch.Tensor], _: object) -> None:
        tensors[name] = make(tensors[name]).contiguous()

    return change


def poisoned(value: torch.Tensor) -> torch.Tensor:
    value.view(-1)[0] = float("nan")
    return value


def told(key: str, value: object) -> Callable[[Any, Any], object]:
    """Write another value into the facts of a checkpoint."""

    def change(_: object, metadata: dict[str, str]) -> None:
        metadata["vrdl_tui"] = json.dumps(json.loads(metadata["vrdl_tui"]) | {key: value})

    return change


FOREIGN: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "NaN": (put("conv_stem.weight", poisoned), "conv_stem.weight holds NaN or infinity"),
    "infinity": (put("bn1.running_var", lambda value: value / 0), "bn1.running_var holds NaN or infinity"),
    "shape": (put("bn1.weight", lambda value: value[:2]), "1 tensor of another shape, bn1.weight first"),
    "half precision": (put("bn1.weight", torch.Tensor.half), "1 tensor of another type, bn1.weight first"),
    "whole numbers": (put("bn1.weight", torch.Tensor.int), "1 tensor of another type, bn1.weight first"),
    "missing": (lambda tensors, _: tensors.pop("bn1.weight"), "1 tensor missing, bn1.weight first"),
    "too many": (lambda tensors, _: tensors.update(more=torch.zeros(2)), "1 tensor too many, more first"),
    "no facts": (lambda _, metadata: metadata.pop("vrdl_tui"), "'vrdl_tui'"),
    "facts are no JSON": (lambda _, metadata: metadata.update(vrdl_tui="{"), "property name"),
    "facts are nested": (lambda _, metadata: metadata.update(vrdl_tui="[" * 100_000), "recursion"),
    "facts are a list": (lambda _, metadata: metadata.update(vrdl_tui="[]"), "list indices"),
    "an image of 10**9 px": (told("val_size", 10**9), "its val_size or pad is out of range"),
    "an infinite image": (told("val_size", float("inf")), "cannot convert float infinity to integer"),
    "a padding": (told("pad", "../x"), "its val_size or pad is out of range"),
    "a mean of NaN": (told("mean", [float("nan")] * 3), "its mean and std must be three finite numbers each"),
    "a std of 0": (told("std", [0, 1, 1]), "its mean and std must be three finite numbers each"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_weights_that_are_no_checkpoint_of_this_run(again: RunDir, what: str) -> None:
    change, words = FOREIGN[what]
    rewrite(again.checkpoints / "last" / MODEL, change)
    reason = refusal(again)
    assert f"last/{MODEL} can't be used: " in reason
    assert words in reason


def refusal(run: RunDir) -> str:
    """Return in which words a run's last checkpoint isn't loaded."""
    recipe = load_recipe(run.recipe)
    model = build_model(recipe.model, 3, 0).module
    optimizer = build_optimizer(model, recipe.optim)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    with pytest.raises(UserError, match=r"restore .* from a copy, or start a new run") as caught:
        checkpoint.load_last(run.checkpoints / "last", model, model, optimizer, scaler, list(COLOURS))
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_run_that_cannot_go_on_changes_nothing(again: RunDir) -> None:
    rewrite(again.checkpoints / "last" / MODEL, FOREIGN["NaN"][0])

    def content() -> dict[Path, bytes]:
        written = ("lock", again.journal.name)
        return {
            path: path.read_bytes()
            for path in again.path.rglob("*")
            if path.is_file() and path.name not in written
        }

    before = content()
    played = play(again)
    assert played.code == 1
    assert played.state.ended is not None
    assert "conv_stem.weight holds NaN or infinity" in played.state.ended.reason
    assert content() == before


def progress(**changes: object) -> Callable[[Any, Any], object]:
    def change(_: object, metadata: dict[str, str]) -> None:
        metadata["progress"] = json.dumps(json.loads(metadata["progress"]) | changes)

    return change


def old_cells(cells: list[list[int]]) -> Callable[[Any, Any], object]:
    """Put cells where version 0.1.0 had them."""

    def change(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
        del tensors["best_cells"]
        progress(best_cells=cells)(tensors, metadata)

    return change


def garbage(text: str, key: str = "progress") -> Callable[[Any, Any], object]:
    return lambda _, metadata: metadata.update({key: text})


def scaler(**changes: object) -> Callable[[Any, Any], object]:
    """Write the state of a loss scaler as float16 has it, but for ``changes``."""
    return garbage(json.dumps(torch.amp.GradScaler("cpu").state_dict() | changes), "scaler")


def drop_state(tensors: dict[str, torch.Tensor], _: object) -> None:
    del tensors["0.exp_avg"]


STATES: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "NaN": (put("0.exp_avg", poisoned), "0.exp_avg holds NaN or infinity"),
    "shape": (put("0.exp_avg", lambda value: value[:1]), "0.exp_avg has the wrong shape or type"),
    "dtype": (put("0.exp_avg", torch.Tensor.double), "0.exp_avg has the wrong shape or type"),
    "missing": (drop_state, "the state of weight 0 is incomplete"),
    "another model's": (
        lambda tensors, _: tensors.update({"9999.exp_avg": torch.zeros(3)}),
        "it has 9999.exp_avg, which this model's optimiser doesn't have",
    ),
    "another optimiser's": (
        lambda tensors, _: tensors.update({"0.momentum_buffer": torch.zeros(3)}),
        "it has 0.momentum_buffer, which",
    ),
    "no number": (lambda tensors, _: tensors.update({"-1.step": torch.zeros(1)}), "it has -1.step, which"),
    "raw weights": (lambda tensors, _: tensors.update({"model.x": torch.zeros(1)}), "tensors missing, "),
    "progress is gone": (lambda _, metadata: metadata.pop("progress"), "'progress'"),
    "progress is text": (garbage("epoch = 3"), "malformed"),
    "progress is nested": (garbage('{"policy":' * 100_000), "nested too deep"),
    "progress is a list": (garbage("[1]"), "Expected `object`"),
    "epoch -1": (progress(epoch=-1), "epoch"),
    "step 10**30": (progress(step=10**30), "step"),
    "a loss that is none": (progress(loss_sum=None), "loss_sum"),
    "learning rate": (progress(policy={"lr": 1e300}), "its learning rate is 1e+300"),
    "a cell of no class": (
        put("best_cells", lambda cells: cells.index_fill(1, torch.tensor([1]), 3)),
        "its confusion matrix has other classes",
    ),
    "a cell of no class, in the header": (
        old_cells([[0, 10**9, 1]]),
        "its confusion matrix has other classes",
    ),
    "cells of less than no image": (put("best_cells", torch.Tensor.neg), "its confusion matrix is malformed"),
    "cells of another type": (put("best_cells", torch.Tensor.float), "its confusion matrix is malformed"),
    "cells of another shape": (
        put("best_cells", lambda cells: cells[:, :2]),
        "its confusion matrix is malformed",
    ),
    "one cell": (put("best_cells", lambda cells: cells[0]), "its confusion matrix is malformed"),
    "a scaler that is a list": (garbage("[1]", "scaler"), "Expected `object`"),
    "a scaler that is nested": (garbage('{"scale":' * 100_000, "scaler"), "nested too deep"),
    "a scaler that is text": (garbage("scale", "scaler"), "malformed"),
    "half a scaler": (garbage('{"scale": 8.0}', "scaler"), "growth_factor"),
    "a scale of -1": (scaler(scale=-1.0), "scale"),
    "a scale of text": (scaler(scale="8"), "scale"),
    "a tracker of 10**10": (scaler(_growth_tracker=10**10), "_growth_tracker"),
    "a weight of 5,000 digits": (
        lambda tensors, _: tensors.update({"9" * 5000 + ".step": torch.zeros(())}),
        "it has 99999",
    ),
}


@pytest.mark.parametrize("what", STATES)
def test_a_state_that_is_not_this_run_s(again: RunDir, what: str) -> None:
    change, words = STATES[what]
    rewrite(again.checkpoints / "last" / TRAIN_STATE, change)
    reason = refusal(again)
    assert f"last/{TRAIN_STATE} can't be used: " in reason
    assert words in reason


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (MODEL, "cut"),
        (MODEL, "gone"),
        (MODEL, "10 GB header"),
        (TRAIN_STATE, "empty"),
        (TRAIN_STATE, "zeros"),
        (TRAIN_STATE, "a pipe"),
    ],
)
def test_the_older_checkpoint_takes_over(again: RunDir, whole: RunDir, name: str, what: str) -> None:
    """Left by a save that a kill cut short, then the newer one was damaged: as by a power cut that lost its bytes."""
    folder = again.checkpoints
    shutil.copytree(folder / "last", folder / ".last.old")
    path = folder / "last" / name
    content = path.read_bytes()
    path.unlink()
    match what:
        case "cut":
            path.write_bytes(content[:-1])
        case "empty":
            path.touch()
        case "zeros":
            path.write_bytes(bytes(len(content)))
        case "a pipe":
            os.mkfifo(path)
        case "10 GB header":
            huge_header(path)
    played = play(again)
    assert played.code == 0, played.state.ended
    assert played.state.started is not None
    assert played.state.started.resumed_epoch == 3
    warnings = [event.message for event in played.events if isinstance(event, RunWarning)]
    assert (
        sum("checkpoints/last is damaged; the run goes on from the one before it" in one for one in warnings)
        == 1
    )
    assert_same_end(again, whole)
    assert sorted(path.name for path in folder.iterdir()) == ["best", "last"]


def test_a_damaged_last_alone_is_not_begun_anew(again: RunDir) -> None:
    (again.checkpoints / "last" / TRAIN_STATE).write_bytes(b"")
    log = again.train_log.read_text()
    assert play(again).code == 1
    assert again.train_log.read_text() == log
    with pytest.raises(UserError, match="can't be used"):
        peek(again.checkpoints)


def test_prediction_from_damaged_weights(again: RunDir, pictures: Path) -> None:
    """In the helper's own process, as the command line starts it."""
    path = again.checkpoints / "best" / MODEL
    rewrite(path, put("conv_stem.weight", poisoned))
    out = again.path / "out.csv"
    command = [sys.executable, "-m", "engine.tools.predict", again.path, "--out", out]
    done = warm.run([*command, "--test", pictures / "test"], text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "conv_stem.weight holds NaN or infinity" in done.stderr
    assert not out.exists()


def test_pretrained_weights_must_fit(whole: RunDir, tmp_path: Path) -> None:
    source = load_file(whole.checkpoints / "best" / MODEL)
    path = tmp_path / "w.safetensors"

    def refused(**changes: torch.Tensor) -> str:
        save_file(source | changes, path)
        with pytest.raises(UserError, match=r"w\.safetensors doesn't fit the model: ") as caught:
            build_model(Model(name="test_efficientnet", weights=str(path)), 3, 0)
        assert str(caught.value).endswith("; give the weights of test_efficientnet")
        return str(caught.value)

    stem = source["conv_stem.weight"]
    assert "1 tensor of another type" in refused(**{"conv_stem.weight": stem.int()})
    assert "1 tensor of another type" in refused(**{"conv_stem.weight": stem.to(torch.float8_e4m3fn)})
    assert "1 tensor of another shape" in refused(**{"conv_stem.weight": stem[:1].clone()})
    assert "holds NaN or infinity" in refused(**{"conv_stem.weight": poisoned(stem.clone())})
    save_file({name: value.half() for name, value in source.items()}, path)
    hostile = {"../../x": torch.zeros(1), "\x1b[2J": torch.zeros(1)}
    with pytest.raises(UserError, match="of another type"):  # counters are whole numbers
        build_model(Model(name="test_efficientnet", weights=str(path)), 3, 0)
    halved = {name: value.half() if value.is_floating_point() else value for name, value in source.items()}
    assert r"2 tensors left over: \x1b[2J, ../../x; " in refused(**hostile)
    save_file(halved, path)
    built = build_model(Model(name="test_efficientnet", weights=str(path)), 3, 0).module.state_dict()
    assert built["conv_stem.weight"].equal(stem.half().float())


def test_a_terabyte_of_nothing(whole: RunDir, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    hollow(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"w\.safetensors"):
        build_model(Model(name="test_efficientnet", weights=str(path)), 3, 0)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 300


def test_another_program_s_tensors_are_no_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    (folder / "best").mkdir(parents=True)
    save_file({"w": torch.zeros(2)}, folder / "best" / MODEL)
    with pytest.raises(
        UserError, match=r"best/model\.safetensors can't be used: 'vrdl_tui'; restore .* from a copy"
    ):
        checkpoint.load_model_file(folder / "best")
    assert struct.unpack("<Q", (folder / "best" / MODEL).read_bytes()[:8])[0] < 200
