"""Image files that are damaged, lying, endless or no files: refused with a reason, fast and in little memory."""

import json
import os
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.data.decode import BadImageError, read_image
from tests.made_hostile_files import bare_png, chunk, damaged, honest, picture, resized_jpeg

DAMAGED, HONEST = damaged(), honest()

# Reads files in a process of its own, which may die, and says for each: pixels or reason; last its peak memory, MB.
READER = """
import json, os, resource, sys, time
from pathlib import Path
from engine.data.decode import BadImageError, read_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    started = time.monotonic()
    try:
        picture = read_image(Path(name))
        said = f"{picture.pixels.shape}{' short' * picture.short}"
    except BadImageError as error:
        said = str(error)
    print(json.dumps([said, time.monotonic() - started]))
print(json.dumps((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))
"""


def read_apart(*paths: Path, **changes: str) -> tuple[list[tuple[str, float]], float]:
    """Return what is said of each file, with the seconds it took, and the memory that reading them took, MB."""
    done = subprocess.run(
        [sys.executable, "-c", READER, *map(str, paths)],
        capture_output=True, text=True, timeout=200, env={**os.environ, **changes},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *said, memory = map(json.loads, done.stdout.splitlines())
    return [(words, seconds) for words, seconds in said], memory


def refusal(path: Path) -> str:
    started = time.monotonic()
    with pytest.raises(BadImageError) as caught:
        read_image(path)
    assert time.monotonic() - started < 60
    return str(caught.value)


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    reason = refusal(path)
    assert reason.startswith(
        ("damaged: ", "not an image", "too large: to decode it costs 1,099,512 megapixels")
    )
    assert "\n" not in reason


@pytest.mark.parametrize("name", HONEST)
def test_odd_and_good(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HONEST[name])
    found = read_image(path)
    wanted = np.asarray(picture()).astype(int)
    assert found.pixels.shape == wanted.shape
    assert not found.short
    assert np.abs(found.pixels.astype(int) - wanted).mean() < 12


def test_bombs_are_refused_before_room_is_made_for_them(tmp_path: Path) -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200 << 20), 9))
    profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(200 << 20), 9))
    made = {
        "60000x60000.png": bare_png(60_000, 60_000, depth=1, colour=0, rows=100),
        "65500x65500.jpg": resized_jpeg(65_500, 65_500),
        "text.png": bare_png(64, 64, extra=text),
        "profile.png": bare_png(64, 64, extra=profile),
        "9000x9000.jpg": resized_jpeg(9_000, 9_000),
    }
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
        assert len(content) < 1 << 20
    said, memory = read_apart(*(tmp_path / name for name in made))
    assert [words for words, _ in said[:2]] == [
        "too large: to decode it costs 3,600 megapixels, data.max_pixels=250000000 allows 250",
        "too large: to decode it costs 4,290 megapixels, data.max_pixels=250000000 allows 250",
    ]
    assert [words for words, _ in said[2:4]] == [
        "damaged: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"
    ] * 2
    # Used as it is, and told once, as in test_bad_images.
    assert said[4][0] == "(9000, 9000, 3) short"
    assert max(seconds for _, seconds in said) < 10
    assert memory < 700


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 2), (16, 0), (8, 6)])
def test_the_largest_that_is_read(tmp_path: Path, depth: int, colour: int) -> None:
    """Half a megabyte may be 177 million px, as the largest cameras make; what reading it takes has a bound."""
    path = tmp_path / "large.png"
    path.write_bytes(bare_png(13_300, 13_300, depth=depth, colour=colour))
    ((words, _),), memory = read_apart(path)
    assert words == "(13300, 13300, 3)"
    assert memory < 3_600


def test_no_program_is_started(tmp_path: Path) -> None:
    """Pillow has Ghostscript draw an EPS file, whatever its name."""
    path = tmp_path / "picture.jpg"
    picture().save(path, "EPS")
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    said, _ = read_apart(path, PATH=f"{program.parent}:{os.environ['PATH']}")
    assert said[0][0].startswith("not an image")
    assert not (tmp_path / "started").exists()


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    (tmp_path / "terminal.jpg").symlink_to("/dev/tty")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("absent.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket.jpg"))
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.write(HONEST["trailing.jpg"])
        file.truncate(1 << 40)
    assert refusal(tmp_path / "pipe.jpg") == "not a regular file"
    assert refusal(tmp_path / "endless.jpg") == "not a regular file"
    assert refusal(tmp_path / "folder.jpg") == "not a regular file"
    assert refusal(tmp_path / "nowhere.jpg") == "the file is gone"
    assert refusal(tmp_path / "sparse.jpg") == "too large: more than 1 GiB"
    for name in ("terminal.jpg", "circle.jpg", "socket.jpg"):
        assert refusal(tmp_path / name)


def test_the_largest_size_that_a_chunk_can_claim(tmp_path: Path) -> None:
    """A PNG that says that 2 GB of text follow, and has them as a hole."""
    path = tmp_path / "hole.png"
    png = bare_png(64, 64)
    with path.open("wb") as file:
        file.write(png[:33] + b"\x7f\xff\xff\xff" + b"tEXt")
        file.truncate(1000 << 20)
    ((words, seconds),), memory = read_apart(path)
    assert words.startswith("damaged: ")
    assert seconds < 30
    assert memory < 2_200


def test_a_thousand_random_damages_end_no_process(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    contents = [*HONEST.values()]
    paths = []
    for number in range(1000):
        content = bytearray(contents[number % len(contents)])
        for _ in range(int(rng.integers(1, 8))):
            # Where headers and tables are, more often than in the pixels.
            at = int(rng.integers(len(content) if rng.random() < 0.5 else min(200, len(content))))
            content[at] = int(rng.integers(256))
        if rng.random() < 0.2:
            del content[int(rng.integers(len(content))) :]
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(content)
    said, memory = read_apart(*paths)
    assert len(said) == 1000
    assert 100 < sum(words.startswith("(") for words, _ in said) < 900
    assert max(seconds for _, seconds in said) < 10
    assert memory < 2_000
