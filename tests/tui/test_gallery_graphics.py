"""Pictures on terminals that can draw them: chosen by the environment, whole on the wire, nothing left behind."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import zlib
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import made_outliers
import pytest
from rich.cells import cell_len

from engine.run.directory import RunDir
from tui.terse import Terse
from tui.thumbnails import Thumbnail
from tui.widgets import gallery_kitty as kitty
from tui.widgets.gallery_graphics import BLOCKS, Graphics, terminal_graphics
from tui.widgets.picture import half_blocks

CELL = (9, 18)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-kitty"}, Graphics("kitty", 9, 18)),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, Graphics("kitty", 9, 18)),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Graphics("sixel", 9, 18)),
        ({"TERM": "foot-extra"}, Graphics("sixel", 9, 18)),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, BLOCKS),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "WezTerm"}, BLOCKS),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "VTE_VERSION": "7600"}, BLOCKS),
        ({"TERM": "xterm-256color"}, BLOCKS),
        ({}, BLOCKS),
    ],
)
def test_the_environment_decides(environ: dict[str, str], expected: Graphics) -> None:
    assert terminal_graphics(environ, CELL) == expected


def test_sixel_needs_the_size_of_a_cell() -> None:
    assert terminal_graphics({"TERM": "foot"}, None) == BLOCKS
    assert terminal_graphics({"TERM": "xterm-kitty"}, None).kind == "kitty"


def test_half_blocks() -> None:
    rows = half_blocks(Thumbnail(2, 3, bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9, 1, 2, 3, 4, 5, 6])))
    assert [[cell.text for cell in row] for row in rows] == [["▀", "▀"]] * 2
    assert rows[0][0].style is not None
    assert str(rows[0][0].style) == "#ff0000 on #0000ff"
    assert str(rows[1][1].style) == "#040506"


def test_kitty_gets_the_picture_whole() -> None:
    picture = Thumbnail(60, 50, os.urandom(9000))
    sent = kitty.transmit(0x123456, picture, 30, 12)
    chunks = re.findall("\x1b_G(.*?);(.*?)\x1b\\\\", sent)
    assert "".join(f"\x1b_G{keys};{content}\x1b\\" for keys, content in chunks) == sent
    assert chunks[0][0] == f"a=T,U=1,q=2,f=24,o=z,i={0x123456},s=60,v=50,c=30,r=12,m=1"
    assert [keys[-1] for keys, _ in chunks] == ["1"] * (len(chunks) - 1) + ["0"]
    assert all(len(content) <= 4096 for _, content in chunks)
    assert zlib.decompress(b64decode("".join(content for _, content in chunks))) == picture.content


def test_kittys_cells_are_as_wide_as_they_look() -> None:
    rows = kitty.placeholders(0x123456, 30, kitty.MOST_ROWS)
    assert [cell_len(row.text) for row in rows] == [30] * kitty.MOST_ROWS
    assert len({row.text for row in rows}) == kitty.MOST_ROWS
    assert {str(row.style) for row in rows} == {"#123456"}


@pytest.mark.parametrize(
    "sequence",
    [
        kitty.transmit(0x123456, Thumbnail(20, 20, bytes(range(240)) * 5), 30, 12),
        kitty.forget(0x123456),
        '\x1b7\x1b[3;4H\x1bPq"1;1;6;6#0;2;100;0;0#0!6~-\x1b\\\x1b8',
    ],
    ids=["transmit", "forget", "sixel"],
)
def test_fewer_bytes_leave_pictures_whole(sequence: str) -> None:
    terse = Terse()
    terse("\x1b[31mred")
    passed = terse(f"\x1b[0m{sequence}\x1b[38;2;18;52;86m{kitty.placeholders(0x123456, 3, 1)[0].text}\x1b[0m")
    assert sequence in passed
    assert "38;2;18;52;86m\U0010eeee" in passed


_OPEN = """
import sys
from pathlib import Path
from engine.run.directory import RunDir
from tui.app import ConsoleApp
run = RunDir(Path(sys.argv[1]))
code = ConsoleApp(run.path.parent, run).run()
heavy = {"numpy", "cv2", "torch", "textual_image"} & set(sys.modules)
print("heavy:", *sorted(heavy), "end")
"""

_GALLERY, _LIVE, _OVER = re.compile(b"gallery"), re.compile(b"outlier log"), re.compile(b"end\r\n")


def on_terminal(run: RunDir, term: str, wanted: re.Pattern[bytes]) -> bytes:
    """Open the gallery on a pseudo-terminal of 120x40 cells of 9x18 px, leave again, and return all that was drawn."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 1080, 720))
    kept = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY", "ZELLIJ")}
    process = subprocess.Popen(
        [sys.executable, "-c", _OPEN, str(run.path)],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=Path(__file__).parents[2],
        env={**kept, "TERM": term, "COLORTERM": "truecolor"},
    )  # fmt: skip
    os.close(slave)
    seen = b""
    try:
        for key, until in [(b"", _GALLERY), (b"o", wanted), (b"o", _LIVE), (b"q", _OVER)]:
            os.write(master, key)
            start, deadline = len(seen), time.monotonic() + 20
            while not until.search(seen, start):
                assert time.monotonic() < deadline, seen[start:][-600:]
                if select.select([master], [], [], 0.1)[0]:
                    seen += os.read(master, 65536)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return seen


@pytest.mark.parametrize(
    ("term", "picture"),
    [
        ("xterm-kitty", b"\x1b_Ga=T,U=1.*\xf4\x8e\xbb\xae"),
        ("foot", b"\x1b7\x1b\\[\\d+;\\d+H\x1bP[^\x1b]*\x1b\\\\\x1b8"),
        ("xterm-256color", "▀".encode()),
    ],
    ids=["kitty", "sixel", "blocks"],
)
def test_on_a_terminal(make: Callable[..., RunDir], tmp_path: Path, term: str, picture: bytes) -> None:
    data = made_outliers.make_pictures(tmp_path / "data")
    run = make(made_outliers.done(data), alive=False)
    seen = on_terminal(run, term, re.compile(picture, re.DOTALL))
    assert b"heavy: end" in seen
    if term == "xterm-kitty":
        sent = set(re.findall(rb"\x1b_Ga=T,[^;]*,i=(\d+)", seen))
        assert sent
        assert sent == set(re.findall(rb"\x1b_Ga=d,[^\x1b]*,i=(\d+)", seen))
    else:
        assert b"\x1b_G" not in seen


def test_a_start_imports_nothing_of_it() -> None:
    probe = "import sys, tui.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "tui.screens.live" in loaded
    assert not loaded & {"tui.screens.gallery", "tui.thumbnails", "textual_image", "PIL", "numpy"}
