"""Colour jitter on 8-bit RGB images, equivalent to torchvision's ColorJitter."""

import cv2
import numpy as np

from engine.data.augment.draw import Colour
from engine.data.decode import Pixels

# Weights of ITU-R BT.601, which Pillow and torchvision use for greyscale.
_GREY = np.array([[0.299, 0.587, 0.114]] * 3)
_OWN = np.eye(3)


def jittered(pixels: Pixels, colour: Colour, sample: Pixels, share: float) -> Pixels:
    """Return ``pixels`` (height, width, 3) with jittered colours, possibly modified in place.

    As in torchvision, the result of each adjustment is rounded and clipped to 0 to 255 before the next. Contrast
    scales the distance from the mean grey of the image including its black padding: ``sample`` (..., 3) is a sample
    of the pixels without padding, which are the fraction ``share`` (0 to 1) of all.
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
    """Return ``pixels`` multiplied by ``factor`` (at least 0), in place."""
    return np.asarray(cv2.convertScaleAbs(pixels, pixels, alpha=factor), np.uint8)


def contrasted(pixels: Pixels, factor: float, mean: float) -> Pixels:
    """Return ``pixels`` with the distance from ``mean`` (0 to 255) multiplied by ``factor``, in place."""
    return np.asarray(cv2.addWeighted(pixels, factor, pixels, 0.0, (1.0 - factor) * mean, pixels), np.uint8)


def saturated(pixels: Pixels, factor: float) -> Pixels:
    """Return ``pixels`` with the distance from each pixel's grey multiplied by ``factor``, in place."""
    return np.asarray(cv2.transform(pixels, factor * _OWN + (1.0 - factor) * _GREY, pixels), np.uint8)


def hue_turned(pixels: Pixels, turn: float) -> Pixels:
    """Return ``pixels`` with the HSV hue rotated by ``turn``, a fraction of the circle from -0.5 to 0.5.

    Exact up to rounding, without converting to HSV. As a function of hue, each channel is a trapezoid wave, and the
    three waves are a third of the circle apart. Rotation by a third therefore permutes the channels. Rotation by up
    to a sixth, ``t``, gives low + clip(own - ahead + |behind - (high - t·(high - low))|, 0, high - low).
    """
    sixths = 6.0 * turn
    thirds = round(sixths / 2.0)
    rest = sixths - 2.0 * thirds
    # Split into preallocated planes: letting OpenCV's Python layer allocate them is seven times slower.
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
        # These saturate at 0 and 255, but one of the two differences is always 0, so nothing is lost.
        cv2.add(wave, cv2.subtract(own, ahead, difference), wave)
        cv2.subtract(wave, cv2.subtract(ahead, own, difference), wave)
        cv2.min(wave, span, wave)
        turned.append(cv2.add(wave, low, wave))
    return np.asarray(cv2.merge(turned), np.uint8)


_CHANGES = {"brightness": brightened, "saturation": saturated, "hue": hue_turned}
