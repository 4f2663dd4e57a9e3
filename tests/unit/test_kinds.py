"""Suffixes and first bytes: which files are images, which can't be read here, which are none."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.layout.kinds import NOT_IMAGES, UNREADABLE, readable_suffixes, sniff


def test_the_tables_agree() -> None:
    readable = readable_suffixes()
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".avif", ".jp2", ".ppm", ".pgm", ".tga"} <= readable
    assert not readable & NOT_IMAGES
    assert not NOT_IMAGES & set(UNREADABLE)
    for suffix in (*readable, *UNREADABLE, *NOT_IMAGES):
        assert suffix.startswith(".")
        assert suffix == suffix.lower()
    assert all(kind.remedy and not kind.readable for kind in UNREADABLE.values())


@pytest.mark.parametrize(
    ("suffix", "kind", "remedy"),
    [
        (".heic", "HEIC", "pip install 'vrdl-tui[heif]'"),
        (".jxl", "JPEG XL", "pip install 'vrdl-tui[jxl]'"),
        (".avif", "AVIF", "pip install 'pillow>=11.3'"),
        (".cr2", "camera raw", "develop to JPEG or TIFF"),
        (".dcm", "DICOM", "export as PNG or TIFF"),
        (".svg", "SVG", "render to PNG"),
        (".mp4", "video", "extract frames: ffmpeg -i VIDEO %05d.jpg"),
    ],
)
def test_what_to_do_about_the_others(suffix: str, kind: str, remedy: str) -> None:
    assert UNREADABLE[suffix] == (kind, remedy)


SIGNS = {
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "WebP": b"RIFF\0\0\0\0WEBPVP8 ",
    "BMP": b"BM" + bytes(12) + b"\x28\0\0\0",
    "TIFF": b"MM\0*\0\0\0\x08",
    "GIF": b"GIF89a",
    "AVIF": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "JPEG XL": b"\xff\x0a\x03\x41",
    "JPEG 2000": b"\xff\x4f\xff\x51\0",
    "PPM": b"P6\n24 16\n255\n",
    "TGA": bytes(100) + b"TRUEVISION-XFILE.\0",
    "camera raw": b"II*\0\x10\0\0\0CR\x02\0",
    "SVG": b"\n<!-- drawn -->\n<svg width='9'>",
    "video": b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2",
    "microscope": b"",
}


@pytest.mark.parametrize("name", SIGNS)
def test_the_first_bytes_tell(tmp_path: Path, name: str) -> None:
    path = tmp_path / "no-suffix"
    path.write_bytes(SIGNS[name])
    found = sniff(path)
    assert (found.name if found else "microscope") == name


@pytest.mark.parametrize(
    "content",
    [b"", b"P", b"P5 is a power forward\n", b"BMW\n" + bytes(20), b"image_name,label\n", b"%PDF-1.7", b"PK\x03\x04",
     b"<html><svg></svg></html>", b"\x7fELF" + bytes(40)],
)  # fmt: skip
def test_what_is_no_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no-suffix"
    path.write_bytes(content)
    assert sniff(path) is None


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
    for name in ("pipe", "endless", "circle", "folder", "socket", "absent"):
        assert sniff(tmp_path / name) is None


def test_no_image_library_is_imported() -> None:
    """The console asks too."""
    code = (
        "import sys; from engine.layout import kinds; kinds.readable_suffixes(); "
        "print([name for name in ('PIL', 'pillow_heif', 'pillow_jxl', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
