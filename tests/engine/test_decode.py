"""Every kind of picture that users have, and what is no picture at all."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.decode import BadImageError, read_image

SIZE = (24, 16)  # width, height


def gradient() -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 255, SIZE[0]), np.linspace(0, 255, SIZE[1]))
    return Image.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))


def close(path: Path, expected: Image.Image, tolerance: float) -> None:
    pixels = read_image(path).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (SIZE[1], SIZE[0], 3)
    error = np.abs(pixels.astype(int) - np.asarray(expected.convert("RGB")).astype(int)).mean()
    assert error <= tolerance, f"mean error {error:.1f}"


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        (".jpg", {"quality": 95}, 6.0),
        (".png", {}, 0.0),
        (".webp", {"lossless": True}, 0.0),
        (".bmp", {}, 0.0),
        (".tif", {}, 0.0),
        (".tif", {"compression": "tiff_lzw"}, 0.0),
        (".gif", {}, 12.0),
    ],
)
def test_common_formats(tmp_path: Path, suffix: str, options: dict[str, object], tolerance: float) -> None:
    path = tmp_path / f"picture{suffix}"
    gradient().save(path, **options)
    close(path, gradient(), tolerance)


def test_first_frame_of_a_gif(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    close(path, frames[0], 2.0)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep{suffix}"
    grey = np.asarray(gradient().convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(path)
    close(path, Image.fromarray(grey), 0.6)


def test_float_grey(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    grey = np.asarray(gradient().convert("L"))
    Image.fromarray(grey.astype(np.float32) / 255).save(path)
    close(path, Image.fromarray(grey), 0.6)


@pytest.mark.parametrize(
    ("mode", "suffix", "tolerance"),
    [
        ("L", ".png", 0.0),
        ("1", ".png", 0.0),
        ("P", ".png", 0.0),
        ("CMYK", ".tif", 2.0),
        ("CMYK", ".jpg", 8.0),
    ],
)
def test_other_modes(tmp_path: Path, mode: str, suffix: str, tolerance: float) -> None:
    path = tmp_path / f"mode{suffix}"
    image = gradient().convert(mode)
    image.save(path)
    close(path, image, tolerance)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_over_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "clear.png"
    image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 12, 16))
    image.convert(mode).save(path)
    pixels = read_image(path).pixels
    assert pixels[8, 20].tolist() == [255, 255, 255]
    assert pixels[8, 2].tolist() != [255, 255, 255]


def test_exif_orientation_is_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 270 degrees to see it upright
    gradient().transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    close(path, gradient(), 8.0)


def whole(kind: str) -> bytes:
    content = io.BytesIO()
    gradient().resize((240, 160)).save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", lambda: b"", "not an image"),
        ("text.png", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        ("cut.jpg", lambda: whole("JPEG")[: int(len(whole("JPEG")) * 0.6)], "damaged"),
        ("cut.png", lambda: whole("PNG")[: int(len(whole("PNG")) * 0.6)], "damaged"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, name: str, content: Callable[[], bytes], reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(BadImageError, match=reason):
        read_image(path)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(BadImageError, match="gone"):
        read_image(tmp_path / "nothing.jpg")


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    """A picture that ends in black is looked at twice, by OpenCV too."""
    path = tmp_path / os.fsdecode(b"\xff.png")
    Image.new("RGB", (8, 8)).save(path)
    assert not read_image(path).short
