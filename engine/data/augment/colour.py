"""ColorJitter on 8-bit RGB."""

import cv2
import numpy as np

from engine.data.augment.draw import Colour
from engine.data.decode import Pixels

# ITU-R 601, as Pillow's and torchvision's grey.
_GREY = np.array([[0.299, 0.587, 0.114]] * 3)
_OWN = np.eye(3)


def jittered(pixels: Pixels, colour: Colour, sample: Pixels, share: float) -> Pixels:
    """Return ``pixels`` (height, width, 3) in other colours, as torchvision's ColorJitter; may write in them.

    Each of the four is rounded and clipped to 0..255 before the next, as there. Contrast pulls towards a
    mean grey: that of ``sample`` (any shape ending in 3), whose pixels stand for ``share`` (0 to 1) of the
    picture that torchvision would jitter, the rest of which is black.
    """
    steps = [(name, getattr(colour, name)) for name in colour.order]
    steps = [(name, factor) for name, factor in steps if factor != (0.0 if name == "hue" else 1.0)]
    names = [name for name, _ in steps]
    before_contrast = names.index("contrast") if "contrast" in names else 0
    for place, (name, factor) in enumerate(steps):
        if name == "contrast":
            mean = share * cv2.mean(cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY))[0]
            pixels = contrasted(pixels, factor, mean)
            continue
        change = _CHANGES[name]
        pixels = change(pixels, factor)
        if place < before_contrast:
            sample = change(sample, factor)
    return pixels


def brightened(pixels: Pixels, factor: float) -> Pixels:
    """Multiply by ``factor``, 0 or more, in place."""
    return np.asarray(cv2.convertScaleAbs(pixels, pixels, alpha=factor), np.uint8)


def contrasted(pixels: Pixels, factor: float, mean: float) -> Pixels:
    """Multiply the distance from ``mean`` (0 to 255) by ``factor``, in place."""
    return np.asarray(cv2.addWeighted(pixels, factor, pixels, 0.0, (1.0 - factor) * mean, pixels), np.uint8)


def saturated(pixels: Pixels, factor: float) -> Pixels:
    """Multiply the distance from each pixel's own grey by ``factor``, in place."""
    return np.asarray(cv2.transform(pixels, factor * _OWN + (1.0 - factor) * _GREY, pixels), np.uint8)


def hue_turned(pixels: Pixels, turn: float) -> Pixels:
    """Turn the hue of HSV by ``turn``, a share of the circle from -0.5 to 0.5.

    Exact up to rounding, without HSV: with the hue in sixths of the circle, a channel is a trapezoid wave of
    it, and the three are a third apart. So a third of a turn exchanges the channels, and the wave moved by up
    to a sixth, ``t``, is low + clip(own - ahead + |behind - (high - t·(high - low))|, 0, high - low).
    """
    sixths = 6.0 * turn
    thirds = round(sixths / 2.0)
    rest = sixths - 2.0 * thirds
    # Into planes of its own: OpenCV's Python layer makes a list of new ones seven times as slowly.
    split = [np.empty(pixels.shape[:2], np.uint8) for _ in range(3)]
    cv2.split(pixels, split)
    planes = [split[(i - thirds) % 3] for i in range(3)]
    high = cv2.max(cv2.max(planes[0], planes[1]), planes[2])
    low = cv2.min(cv2.min(planes[0], planes[1]), planes[2])
    span = cv2.subtract(high, low)
    pivot = cv2.addWeighted(high, 1.0 - abs(rest), low, abs(rest), 0.0)
    side = 1 if rest >= 0 else -1
    difference = np.empty_like(high)
    turned = []
    for i in range(3):
        own, ahead, behind = planes[i], planes[(i + side) % 3], planes[(i - side) % 3]
        wave = cv2.absdiff(behind, pivot)
        # These saturate at 0 and 255: of the two differences one is 0, so nothing is lost.
        cv2.add(wave, cv2.subtract(own, ahead, difference), wave)
        cv2.subtract(wave, cv2.subtract(ahead, own, difference), wave)
        cv2.min(wave, span, wave)
        turned.append(cv2.add(wave, low, wave))
    return np.asarray(cv2.merge(turned), np.uint8)


_CHANGES = {"brightness": brightened, "saturation": saturated, "hue": hue_turned}
