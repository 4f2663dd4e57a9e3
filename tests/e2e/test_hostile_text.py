"""Names and words that would steer a terminal, in every place that a run has, on every screen and in every command."""

import base64
import csv
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import get_type_hints

import msgspec
import numpy as np
import pytest
import tomli_w

from engine.core.text import printable
from engine.journal.events import (
    AutoencoderEpoch,
    BadImage,
    CheckpointSaved,
    CommandAccepted,
    CommandRejected,
    ConfusionMatrix,
    DatasetScanned,
    EpochCut,
    EpochEnded,
    EpochStarted,
    Event,
    LrDecayed,
    OutlierExcluded,
    OutlierRestored,
    OutliersDone,
    PredictionWritten,
    RolledBack,
    RunEnded,
    RunStarted,
    RunWarning,
    SettingChanged,
    StageStarted,
    Step,
    ThresholdSet,
    encode_line,
)
from engine.run.directory import RunDir
from tests import warm
from tests.e2e.terminal import ESCAPE, PROGRAM, Terminal, environment
from tests.made_data import TINY, save_noise
from tests.made_hostile import LONG, PAYLOADS, Looks, file_name, strays

pytestmark = pytest.mark.timeout(240)

KINDS = list(PAYLOADS)
TEXTS = [text for kind, text in PAYLOADS.items() if kind != "bytes"]
# What a folder can be called so that a label of it can be written.
CLASSES = ["csi", "c1", "newline", "zero", "markup", "emoji"]
SETTINGS = (
    *TINY, "train.epochs=2", "data.batch_size=16", "outliers.method=autoencoder", "outliers.epochs=1",
    "outliers.size=32", "outliers.percentile=80", "outliers.relax=0", "outliers.action=quarantine",
)  # fmt: skip
REAL, TWIN, WRITTEN = file_name("csi"), file_name("bytes"), file_name("markup")


def call(*arguments: str, cwd: Path, stdin: int = subprocess.DEVNULL) -> "subprocess.CompletedProcess[bytes]":
    """Run ``vrdl-tui`` off a terminal; its arguments may hold any bytes."""
    return warm.run([PROGRAM, *arguments], cwd=cwd, env=environment(), stdin=stdin, timeout=120)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run, called by a hostile name since; the same under another; and one that was written by hand."""
    home = tmp_path_factory.mktemp("hostile")
    data, rng = home / file_name("link"), np.random.default_rng(3)
    images = cycle(KINDS)
    for split, count in (("train", 10), ("val", 3)):
        for number, kind in enumerate(CLASSES):
            folder = data / split / file_name(kind)
            folder.mkdir(parents=True)
            for _ in range(count):
                colour = (20 * number % 256, 90, 255 - 20 * number % 256)
                save_noise(folder / file_name(next(images), ".png"), colour, 32, rng)
    (data / "test").mkdir()
    for kind in KINDS:
        save_noise(data / "test" / file_name(kind, ".png"), (90, 90, 90), 32, rng)
    (data / "test" / file_name("newline", ".jpg")).write_bytes(b"no image")
    words = [word for one in SETTINGS for word in ("--set", one)]
    done = call("train", str(data), "--recipe", "quick", "--headless", "--name", "real", *words, cwd=home)
    assert done.returncode == 0, done
    assert not strays(done.stdout + done.stderr)
    runs = home / "runs"
    (runs / "real").rename(runs / REAL)
    shutil.copytree(runs / REAL, runs / TWIN)
    write_by_hand(RunDir(runs / WRITTEN), data)
    return home


def write_by_hand(run: RunDir, data: Path) -> None:
    """A run whose every text, in journal, recipe, logs, labels and tables, was chosen to harm."""
    for folder in (run.commands, run.checkpoints):
        folder.mkdir(parents=True)
    run.recipe.write_text(
        tomli_w.dumps(
            {"model": {"name": LONG[:200]}, "data": {"train": str(data), "test": str(data / "test")}}
        )
    )
    (run.path / "labels.toml").write_text(tomli_w.dumps({"tags": ["fine"], "note": "".join(TEXTS)[:1900]}))
    run.engine_log.write_bytes(
        b"".join(os.fsencode(f"{text}\n") for text in PAYLOADS.values()) + os.fsencode(LONG)
    )
    run.train_log.write_bytes(run.engine_log.read_bytes())
    texts = cycle([*TEXTS, LONG])
    with run.journal.open("wb") as file:
        for seq, event in enumerate(told(), 1):
            file.write(encode_line(msgspec.structs.replace(hostile(event, texts), seq=seq, t=1.8e9 + seq)))
    with run.validation.open("w", newline="", errors="surrogateescape") as file:
        csv.writer(file).writerows(
            [
                ("path", "label", "pred_label", "probability"),
                *((text, text, text, 0.5) for text in PAYLOADS.values()),
            ]
        )
    with run.prediction.open("w", newline="", errors="surrogateescape") as file:
        csv.writer(file).writerows(
            [("image_name", "pred_label"), *((text, text) for text in PAYLOADS.values())]
        )


def hostile(event: Event, texts: Iterator[str]) -> Event:
    """Return the event with another text wherever its type has any text at all."""
    changes: dict[str, object] = {}
    for name, kind in get_type_hints(type(event)).items():
        if kind is str:
            changes[name] = next(texts)
        elif kind == list[str]:
            changes[name] = [next(texts) for _ in getattr(event, name)]
    return msgspec.structs.replace(event, **changes)


def told() -> Iterator[Event]:
    """Every kind of event that has text, and those that bring what has been said onto a screen."""
    yield RunStarted(
        attempt=1, host="", pid=1, version="", name="", model="", data="", epochs=30, batch_size=16, train_size=32,
        val_size=32, lr=1e-4, schedule="counter", factor=0.6, every=2, patience=6, monitor="val_acc", mixup_alpha=0.0,
        outliers="", seed=1,
    )  # fmt: skip
    yield StageStarted(stage="importing", detail="x")
    yield DatasetScanned(classes=[""] * 9, train_images=90, val_images=9, test_images=9, split="folders")
    yield BadImage(path="", reason="", split="train")
    yield AutoencoderEpoch(class_name="", class_index=1, classes=9, epoch=1, epochs=1, loss=0.1)
    yield ThresholdSet(
        class_name="", threshold=0.1, largest_val_error=0.1, relaxed=False, images=2, files=["", ""],
        errors=[0.2, 0.1], flagged=[0], looks_like=[""],
    )  # fmt: skip
    for _ in range(9):
        yield OutlierExcluded(class_name="", path="", error=0.2, threshold=0.1, action="")
    yield OutlierRestored(class_name="", path="")
    yield OutliersDone(excluded=9, images=90)
    for epoch in (1, 2, 3):
        yield EpochStarted(epoch=epoch, epochs=30, lr=1e-4, steps=9)
        yield Step(epoch=epoch, step=9, steps=9, loss=1.0, train_acc=50.0, images_per_s=9.0, eta=9.0)
        yield EpochEnded(
            epoch=epoch, lr=1e-4, train_acc=50.0, train_loss=1.0, val_acc=50.0 + epoch, val_loss=1.0, new_best=True,
            best=50.0 + epoch, best_epoch=epoch, counter=0, patience=6, epochs_to_stop=6, next_lr=1e-4,
            images_per_s=9.0, seconds=9.0,
        )  # fmt: skip
        yield LrDecayed(epoch=epoch + 1, old=1e-4, new=5e-5, reason="")
        yield ConfusionMatrix(
            epoch=epoch, classes=9, cells=[(i, (i * 2) % 9, 2 + i) for i in range(9)], path=""
        )
        yield CheckpointSaved(which="best", epoch=epoch, step=9, reason="", size=9, seconds=0.1)
        yield CommandAccepted(id="", name="", by="")
        yield CommandRejected(id="", name="", by="", reason="")
        yield SettingChanged(key="", old="", new="", epoch=epoch, step=9)
        yield RolledBack(epoch=epoch, step=9, best_epoch=epoch)
        yield EpochCut(epoch=epoch, step=9, steps=9)
        yield RunWarning(message="")
    yield PredictionWritten(path="", rows=9, epoch=3)
    yield RunEnded(outcome="failed", reason="", epoch=3, best=53.0, best_epoch=3, exit_code=1)


def opened(home: Path, *arguments: str, size: tuple[int, int] = (120, 40)) -> tuple[Terminal, Looks]:
    console = Terminal(*arguments, cwd=home, size=size)
    return console, Looks(console, *size)


def closes(console: Terminal, *, ascii: bool = False, code: int = 0) -> None:
    """Leave, and judge every byte that the terminal was sent."""
    console.press("q")
    assert console.ended() == code, console.text
    assert console.left_sane()
    assert strays(bytes(console.output), ascii=ascii) == []


def test_the_list_of_runs(home: Path) -> None:
    console, looks = opened(home)
    try:
        looks.at("3 runs", "state", "started")
        for name in (WRITTEN, TWIN, REAL):
            console.press(
                "/\x15name:"
                + name.split(os.fsdecode(b"\xff"))[0].partition("\x1b")[0].partition("[")[0]
                + "\r"
            )
            looks.at("1 of 1 found in 3")
            for keys in "ntN":
                console.press(keys)
                looks.at("esc leaves all as it is", boxed=True)
                console.press(ESCAPE)
                looks.at("1 of 1 found in 3")
            console.press("d")
            looks.at("moved to the trash")
            console.press("u")
            looks.at("back from the trash", "1 of 1 found in 3")
        console.press(ESCAPE)
        looks.at("3 runs")
        closes(console)
    finally:
        console.close()
    assert {one.name for one in (home / "runs").iterdir() if not one.name.startswith(".")} == {
        REAL,
        TWIN,
        WRITTEN,
    }


LIVE = ("accuracy", "learning rate", "early stop", "confusion", "outlier log")


@pytest.mark.parametrize(
    ("name", "ascii"), [(REAL, False), (WRITTEN, False), (WRITTEN, True)], ids=["real", "by hand", "ascii"]
)
def test_what_shows_one_run(home: Path, name: str, ascii: bool) -> None:
    console, looks = opened(home, "attach", name, *["--ascii"][:ascii])
    try:
        looks.at(*LIVE)
        for panel in "123456":
            console.press(panel)
            looks.at()
            if panel == "4":
                console.press("a")
                looks.at("accuracy by class")
        console.press("z")
        looks.at(*LIVE)
        console.press("l")
        looks.at("log")
        console.press("/evil\r")
        looks.at("/evil")
        console.press(ESCAPE)
        looks.at("log")
        console.press("w")
        looks.at("warnings only")
        console.press("E")
        looks.at("engine.log")
        console.press(ESCAPE)
        looks.at(*LIVE)
        console.press("m")
        looks.at("true down, predicted across")
        for keys in ("n", "%", "\t", "s", "\t", "s", "\t", "w", "?"):
            console.press(keys)
            looks.at(boxed=keys == "?")
        console.press(ESCAPE)
        looks.at("true down, predicted across")
        console.press(ESCAPE)
        looks.at(*LIVE)
        console.press("v")
        looks.at("predictions", "prediction.csv")
        for keys in ("\x1b[B", "s", "s"):
            console.press(keys)
            looks.at("prediction.csv")
        console.press(ESCAPE)
        looks.at(*LIVE)
        console.press("o")
        looks.at("this image", "typical of")
        for keys in "nnan":
            console.press(keys)
            looks.at("this image")
        console.press(ESCAPE)
        looks.at(*LIVE)
        console.press("x")
        looks.at("predict", boxed=True)
        console.press(ESCAPE)
        looks.at(*LIVE)
        console.press("R")
        looks.at("REPLAY")
        console.press("\x1b[F")
        looks.at("100 %")
        console.press(ESCAPE)
        looks.at(*LIVE)
        closes(console, ascii=ascii, code=1 if name == WRITTEN else 0)  # that one has failed
    finally:
        console.close()


def test_commands(home: Path) -> None:
    """What they print holds no escape of a name's, and each name does what it is for."""
    for name in (REAL, TWIN, WRITTEN):
        for words in (
            ("outliers", "list", name),
            ("outliers", "list", name, "--json"),
            ("compare", name, REAL if name != REAL else TWIN),
            ("compare", name, REAL if name != REAL else TWIN, "--json"),
            ("send", name, "pause"),
            ("resume", name) if name != WRITTEN else ("resume", f"no {name}"),
        ):
            done = call(*words, cwd=home)
            assert done.returncode in (0, 2), done
            assert strays(done.stdout + done.stderr) == []
            if "--json" in words:
                json.loads(done.stdout)
    table = call("runs", cwd=home)
    assert strays(table.stdout) == []
    assert {row.partition("  ")[0] for row in table.stdout.decode().splitlines()[1:]} == {
        printable(name) for name in (REAL, TWIN, WRITTEN)
    }
    listed = call("runs", "--json", cwd=home)
    assert strays(listed.stdout) == []
    assert {one["name"] for one in json.loads(listed.stdout)} >= {REAL, WRITTEN}
    assert len({one["name"] for one in json.loads(listed.stdout)}) == 3


def test_a_prediction_and_an_image_that_comes_back(home: Path, tmp_path: Path) -> None:
    refused = call("predict", TWIN, "--out", "x.csv", cwd=home)  # safetensors opens no path but UTF-8
    assert refused.returncode == 2
    assert b"is not valid UTF-8" in refused.stderr
    assert strays(refused.stderr) == []
    done = call("predict", REAL, "--out", str(tmp_path / file_name("csi", ".csv")), cwd=home)
    assert done.returncode == 0, done
    assert strays(done.stdout + done.stderr) == []
    with (tmp_path / file_name("csi", ".csv")).open(newline="", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert {row["pred_label"] for row in rows} <= {file_name(kind) for kind in CLASSES}
    train = home / file_name("link") / "train"
    left = len(list(train.rglob("*.png")))
    restored = call("outliers", "restore", REAL, "--all", cwd=home)
    assert restored.returncode == 0, restored
    assert strays(restored.stdout + restored.stderr) == []
    assert left < len(list(train.rglob("*.png"))) == 10 * len(CLASSES)


def test_who_has_the_run(home: Path) -> None:
    lock = home / "runs" / WRITTEN / "lock"
    for text in TEXTS:
        lock.write_text(json.dumps({"host": text, "pid": 7}))
        with lock.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            done = call("resume", WRITTEN, cwd=home)
        assert done.returncode == 2
        assert strays(done.stderr) == []
        assert b"process 7 on " in done.stderr
    lock.unlink()


def test_the_command_line_that_is_copied(home: Path) -> None:
    """What ``y`` of New run copies starts the same run, typed into a shell."""
    console, looks = opened(home, size=(120, 40))
    try:
        looks.at("3 runs")
        console.press("/\x15finished\r")
        looks.at("found in 3")
        console.press("A")
        looks.at("new run as", "ready: r starts it")
        console.press("y")
        looks.at("the command line is copied")
        copied = bytes(console.output).rpartition(b"\x1b]52;c;")[2].partition(b"\x07")[0]
        console.press(ESCAPE)
        looks.at("3 runs")
        closes(console)
    finally:
        console.close()
    line = base64.b64decode(copied).decode()
    assert printable(line) == line
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True
    ).stdout.split(b"\0")
    assert any(os.fsencode(file_name("link")) in word for word in words), words
