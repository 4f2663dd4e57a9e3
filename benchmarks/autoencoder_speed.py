"""The report's autoencoders: the engine's against a plain PyTorch loop of the same arithmetic, on the processor.

    python -m benchmarks.autoencoder_speed [--data FOLDER] [--epochs N]

The plain loop is nn.Sequential with nn.Upsample, fed images that are floats already, NCHW; a second one differs from it
by channels_last alone. All three start from the same weights and see the same batches, and take turns epoch by
epoch. What float32's rounding does to the thresholds over the epochs is what the two plain loops differ by.
FOLDER holds CLASS/PICTURES or train/CLASS and val/CLASS; without it, the pictures are drawn.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.terminal import load
from engine.compute.rng import Purpose, stream
from engine.data.augment.geometry import to_square
from engine.data.decode import read_image
from engine.outliers.detect.autoencoder import ClassPixels, autoencoder_errors
from engine.outliers.detect.autoencoder_net import first_weights
from engine.outliers.detect.verdict import ClassVerdict, judge

SIZE, BATCH, SEED = 128, 32, 0
DRAWN = (32, 45, 70)
GOAL, TOLERANCE = 1.6, 1e-4
LAYOUTS = {"plain": torch.contiguous_format, "plain, channels_last": torch.channels_last}


def drawn(label: int, count: int) -> npt.NDArray[np.uint8]:
    """Draw pictures with smooth parts and as much noise as a photograph has."""
    rng = np.random.default_rng(label)
    pixels = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for picture in pixels:
        coarse = cv2.resize(rng.normal(size=(5, 5, 3)), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        fine = cv2.GaussianBlur(rng.normal(size=(SIZE, SIZE, 3)), (0, 0), 1.5)
        picture[:] = np.clip(120 + 45 * coarse + 40 * fine, 0, 255)
    return pixels


def read(folder: Path) -> npt.NDArray[np.uint8]:
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pictures = [to_square(read_image(path, least=SIZE).pixels, SIZE, "stretch") for path in paths]
    return np.stack(pictures) if pictures else np.empty((0, SIZE, SIZE, 3), np.uint8)


def classes(data: Path | None) -> list[ClassPixels]:
    if data is None:
        return [ClassPixels(k, drawn(k, n), drawn(100 + k, n // 5)) for k, n in enumerate(DRAWN)]
    train = data / "train" if (data / "train").is_dir() else data
    names = sorted(entry.name for entry in train.iterdir() if entry.is_dir())
    return [ClassPixels(k, read(train / name), read(data / "val" / name)) for k, name in enumerate(names)]


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(),
        nn.Conv2d(128, 64, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(32, 3, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip


def plain(one: ClassPixels, epochs: int, layout: torch.memory_format) -> Iterator[list[list[float]]]:
    """Train for an epoch at each step; then yield the errors of both sets."""
    floats = [torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 for pixels in (one.train, one.val)]
    train, val = (images.contiguous(memory_format=layout) for images in floats)
    net = network()
    nn.utils.vector_to_parameters(
        first_weights(stream(SEED, Purpose.AUTOENCODER, 0, one.label)), net.parameters()
    )
    net = net.to(memory_format=layout)
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range(1, epochs + 1):
        order = stream(SEED, Purpose.AUTOENCODER, epoch, one.label).permutation(len(train))
        for rows in torch.split(torch.from_numpy(order), BATCH):
            images = train[rows]
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.mse_loss(net(images), images))
            optimizer.step()
        yield []
    yield [read_errors(net, images) for images in (train, val)]


@torch.inference_mode()
def read_errors(net: nn.Module, images: torch.Tensor) -> list[float]:
    errors = [(net(some) - some).square().mean((1, 2, 3)) for some in torch.split(images, BATCH)]
    return [float(error) for some in errors for error in some.tolist()]


class Turns:
    """Lets each way train an epoch of a class in turn, and keeps the seconds of each."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {"ours": [], **{name: [] for name in LAYOUTS}}

    def take(self, one: ClassPixels, epochs: int) -> dict[str, ClassVerdict]:
        others = {name: plain(one, epochs, layout) for name, layout in LAYOUTS.items()}
        started = time.perf_counter()

        def turn(*_: object) -> None:
            nonlocal started
            self.seconds["ours"].append(time.perf_counter() - started)
            for name, other in others.items():
                started = time.perf_counter()
                next(other)
                self.seconds[name].append(time.perf_counter() - started)
            started = time.perf_counter()

        (group,) = autoencoder_errors(
            [one], epochs=epochs, seed=SEED, device=torch.device("cpu"), tell=turn, poll=lambda: None
        )
        errors = {"ours": [group[0].train, group[0].val], **{name: next(it) for name, it in others.items()}}
        return {name: verdict(one, *both) for name, both in errors.items()}


def verdict(one: ClassPixels, train: list[float], val: list[float]) -> ClassVerdict:
    return judge(one.label, range(len(train)), train, val, percentile=95, relax=1.1)


def compared(one: ClassVerdict, other: ClassVerdict) -> tuple[float, float]:
    """Return by how much of the other's the thresholds and, at most, the images' errors differ."""
    ours, theirs = np.array(one.errors), np.array(other.errors)
    thresholds = [
        abs(one.first_threshold / other.first_threshold - 1), abs(one.threshold / other.threshold - 1)
    ]  # fmt: skip
    return max(thresholds), float(np.abs(ours / theirs - 1).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    asked = parser.parse_args()
    print(f"{asked.data or 'drawn pictures'}, {SIZE} px, {asked.epochs} epochs; {load()}", flush=True)
    turns = Turns()
    worst: dict[str, list[tuple[float, float]]] = {name: [] for name in ("ours", "plain, channels_last")}
    for one in classes(asked.data):
        found = turns.take(one, asked.epochs)
        for name, differences in worst.items():
            differences.append(compared(found[name], found["plain"]))
        same = found["ours"].flagged == found["plain"].flagged
        told = "; ".join(
            f"{name} against plain: thresholds {pairs[-1][0]:.1e}, errors {pairs[-1][1]:.1e}"
            for name, pairs in worst.items()
        )
        print(
            f"class {one.label}, {len(one.train)} + {len(one.val)} images: {told}; "
            f"the {'same' if same else 'OTHER'} outliers; {load()}",
            flush=True,
        )
    for name, seconds in turns.seconds.items():
        print(
            f"{name:<22} {statistics.median(seconds):6.3f} s an epoch ({min(seconds):.3f} to {max(seconds):.3f})"
        )
    for name in LAYOUTS:
        ratios = [a / b for a, b in zip(turns.seconds[name], turns.seconds["ours"], strict=True)]
        goal = f"; goal {GOAL}" if name == "plain" else ""
        print(
            f"{name} / ours: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, "
            f"{len(ratios)} epochs in turn){goal}"
        )
    for name, differences in worst.items():
        threshold, error = (max(both) for both in zip(*differences, strict=True))
        goal = f"; goal {TOLERANCE:g}" if name == "ours" else ""
        print(
            f"{name} against plain: thresholds differ by at most {threshold:.1e}, errors by {error:.1e}{goal}"
        )


if __name__ == "__main__":
    main()
