"""Images that are not what they should be: the run goes on, and each is named once."""

import csv
import os
import struct
import time
from pathlib import Path

import numpy as np
from PIL import Image

from engine.journal.events import BadImage, EpochEnded, PredictionWritten, RunWarning
from tests.engine.conducting import Watcher, play
from tests.made_data import make_pictures, make_run, save_noise


def mislabelled(whole: bytes) -> bytes:
    """Return a JPEG of 64 rows whose header (SOF0: marker, length, precision, height) says 128."""
    at = whole.index(b"\xff\xc0") + 5
    assert struct.unpack(">H", whole[at : at + 2]) == (64,)
    return whole[:at] + struct.pack(">H", 128) + whole[at + 2 :]


def test_each_is_named_once_and_the_run_goes_on(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures")
    folder = pictures / "train" / "red"
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("RGB", (20_000, 50), "red").save(folder / "wide.jpg")
    save_noise(folder / "whole.jpg", (200, 50, 40), 64, np.random.default_rng(0))
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "label.jpg").write_bytes(mislabelled(whole))
    (folder / "torn.jpg").write_bytes(whole[: len(whole) * 6 // 10])
    replaced = folder / "red0.png"
    (pictures / "test" / "1.jpg").write_bytes(b"no image")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: len(state.epochs) >= 1)
        save_noise(replaced, (10, 10, 10), 50, np.random.default_rng(3))
        os.utime(replaced, ns=(1, time.time_ns()))

    settings = ("train.epochs=12", "data.workers=1", "predict.unreadable=blank")
    run = make_run(tmp_path / "runs", pictures, *settings)
    played = play(run, script)
    assert played.code == 0
    assert sum(isinstance(event, EpochEnded) for event in played.events) == 12
    bad = {Path(event.path).name: event.reason for event in played.events if isinstance(event, BadImage)}
    assert len([event for event in played.events if isinstance(event, BadImage)]) == len(bad) == 3
    assert bad["1.jpg"] == "not an image, or an unsupported format"
    assert bad["dot.png"] == "a single pixel"
    assert "truncated" in bad["torn.jpg"]
    warnings = [event.message for event in played.events if isinstance(event, RunWarning)]
    told = [message for message in warnings if str(folder) in message]
    assert sum("wide.jpg: 20000x50 px: used, shrunk" in message for message in told) == 1
    assert sum("red0.png: changed during the run" in message for message in told) == 1
    assert sum("label.jpg: its last row is empty" in message for message in told) == 1
    assert sum("1 train image: nearly one value all over; for example" in message for message in told) == 1
    assert len(told) == 4
    assert any("2 images differ from another in their suffix only" in message for message in warnings)
    written = [event for event in played.events if isinstance(event, PredictionWritten)]
    assert [(event.rows, event.images, event.read) for event in written] == [(6, 6, 5)]
    with run.prediction.open(newline="") as file:
        labels = {row["image_name"]: row["pred_label"] for row in csv.DictReader(file)}
    assert list(labels) == ["0", "1.jpg", "1.png", "2", "3", "4"]
    assert [name for name, label in labels.items() if not label] == ["1.jpg"]
