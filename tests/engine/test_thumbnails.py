"""The picture process: right pixels, a word for every bad file, an end with whoever asked."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.core.text import encodable

Process = subprocess.Popen[bytes]


@pytest.fixture
def process() -> Iterator[Process]:
    arguments = [sys.executable, "-P", "-m", "engine.tools.thumbnails"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        yield one
        one.kill()


def ask(
    process: Process, path: str, width: int, height: int, form: str = "rgb"
) -> tuple[dict[str, object], bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([path, width, height, form]).encode() + b"\n")
    process.stdin.flush()
    head = json.loads(process.stdout.readline())
    return head, process.stdout.read(head.get("size", 0))


def test_pixels(process: Process, tmp_path: Path) -> None:
    picture = Image.new("RGB", (80, 40), (200, 30, 10))
    picture.paste((10, 30, 200), (40, 0, 80, 40))
    picture.save(tmp_path / "a.png")
    head, content = ask(process, str(tmp_path / "a.png"), 20, 20)
    assert head == {"width": 20, "height": 10, "size": 600}
    pixels = np.frombuffer(content, np.uint8).reshape(10, 20, 3).astype(int)
    assert abs(pixels[:, :8] - (200, 30, 10)).max() <= 2
    assert abs(pixels[:, 12:] - (10, 30, 200)).max() <= 2


def test_a_small_picture_fills_the_box_with_its_own_pixels(process: Process, tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).save(tmp_path / "b.png")
    head, content = ask(process, str(tmp_path / "b.png"), 9, 6)
    assert (head["width"], head["height"]) == (6, 6)
    assert set(content) == {0, 255}


def test_a_strip_keeps_a_row(process: Process, tmp_path: Path) -> None:
    Image.new("RGB", (900, 2)).save(tmp_path / "c.png")
    head, _ = ask(process, str(tmp_path / "c.png"), 30, 30)
    assert (head["width"], head["height"]) == (30, 1)


def test_sixel(process: Process, tmp_path: Path) -> None:
    Image.new("RGB", (30, 12), (255, 0, 0)).save(tmp_path / "d.png")
    head, content = ask(process, str(tmp_path / "d.png"), 30, 30, "sixel")
    assert (head["width"], head["height"]) == (30, 12)
    assert content.startswith(b"\x1bP")
    assert content.endswith(b"\x1b\\")
    assert content.count(b"\x1b") == 2
    assert b"2;100;0;0" in content


def test_bad_files_have_a_word_and_harm_nobody(process: Process, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    expected = [
        ("text.jpg", "not an image"),
        ("cut.png", "damaged"),
        ("gone.png", "the file is gone"),
        ("", "not a regular file"),
    ]
    for name, reason in expected:
        head, content = ask(process, str(tmp_path / name), 20, 20)
        assert reason in str(head["reason"])
        assert not content
    assert ask(process, str(tmp_path / "good.png"), 20, 20)[0]["width"] == 20


def test_a_name_that_is_no_text_is_found(process: Process, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "plain.png")
    try:
        (tmp_path / "plain.png").rename(tmp_path / name)
    except OSError:
        pytest.skip("the file system takes text only")
    assert ask(process, str(tmp_path / encodable(name)), 8, 8)[0]["width"] == 8


def test_it_ends_with_its_input(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0
