"""Every family of timm, its smallest model: one step of training and one validation, as a user would start them.

``python -m benchmarks.timm_families [FAMILY…]`` runs ``vrdl-tui train`` on made images with random weights for each, in
processes of their own, and prints a table: trained, refused (with the line that says why), failed or crashed. Of a
family whose smallest model has more than 150 million parameters only the dry pass is made, which computes shapes. Exit
code 1 if any failed or crashed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import timm
from PIL import Image

from engine.model.sizes import own_sizes
from engine.recipe.timm_catalogue import read_table, table_path

_SIDE = 64
_LIMIT = 600.0
_LARGEST = 150_000_000
"""Parameters up to which a model is trained: four times as many numbers, of four bytes, are held."""


class Result(NamedTuple):
    """How the training of one model went."""

    family: str
    model: str
    how: str
    seconds: float
    said: str


def smallest(families: Iterable[str]) -> list[tuple[str, str, int]]:
    """Return each family with its smallest model and the parameters of that; counting takes minutes the first time."""
    subprocess.run(
        [sys.executable, "-m", "engine.tools.timm_table", str(table_path())],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    table = read_table(table_path())
    parameters = table.parameters if table is not None else {}
    found = []
    for family in families:
        names = timm.list_models(module=family)
        if names:
            least, name = min((parameters.get(name, 10**12), name) for name in names)
            found.append((family, name, least))
    return found


def made_images(folder: Path) -> Path:
    """Write two training images and one validation image of each of two classes."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 2), ("val", 1)):
        for label in ("a", "b"):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / label / f"{number}.png")
    return folder


def train(family: str, model: str, parameters: int, data: Path, runs: Path, settings: list[str]) -> Result:
    """Train ``model`` for one epoch of one step, or make only the dry pass if it is large."""
    own, trains = runs / "own.toml", parameters <= _LARGEST
    words = [f"model.name={model}", *settings]
    began = time.monotonic()
    if trains:
        argv = [
            "tui",
            "train",
            str(data),
            "--headless",
            "--offline",
            "--recipe",
            str(own),
            "--runs",
            str(runs),
        ]
        argv += ["--name", family, *(word for setting in words for word in ("--set", setting))]
    else:
        argv = ["engine.tools.try_model", model, "--sizes", *[str(side) for side in own_sizes(model)], "4"]
    done = subprocess.run(
        [sys.executable, "-m", *argv], capture_output=True, text=True, timeout=_LIMIT, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    crashed = done.returncode < 0 or any("ended by SIG" in line for line in lines)
    how = {0: "trained" if trains else "dry pass", 2: "refused"}.get(done.returncode, "failed")
    return Result(family, model, "crashed" if crashed else how, time.monotonic() - began, said)


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timm_families")
    parser.add_argument("families", nargs="*", help="timm's modules; default: all")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    models = smallest(arguments.families or timm.list_modules())
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        data, runs = made_images(Path(folder, "data")), Path(folder, "runs")
        runs.mkdir()
        (runs / "own.toml").write_text(
            "[model]\npretrained = false\n[data]\nbatch_size = 4\nworkers = 0\n[train]\nepochs = 1\ndevice = 'cpu'\n"
        )
        tasks = [
            pool.submit(train, family, model, parameters, data, runs, arguments.set)
            for family, model, parameters in models
        ]
        results = [task.result() for task in tasks]
    for one in results:
        said = "" if one.how in ("trained", "dry pass") else one.said
        print(f"{one.how:<8} {one.family:<24} {one.model:<40} {one.seconds:5.1f} s  {said}")
    counts = Counter(one.how for one in results)
    print(", ".join(f"{number} {how}" for how, number in counts.most_common()))
    return int(bool(counts["failed"] or counts["crashed"]))


if __name__ == "__main__":
    sys.exit(main())
