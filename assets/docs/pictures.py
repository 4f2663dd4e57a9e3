"""Draw the pictures of the README and the tutorial: every screen, of real runs that are made for it.

``python assets/docs/pictures.py [FOLDER]``, from a checkout with the ``demo`` extra; some ten minutes on two cores. The
pictures go to assets/pictures, or into FOLDER.

The runs learn scikit-learn's digits, fewer than the demo has, so that some are mistaken, and with outliers planted: six
in a wrong class, three of noise, three blank. Three runs end first; a fourth is pictured while it goes on.
"""

import asyncio
import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cells import compact, two_by_two
from PIL import Image
from textual.pilot import Pilot

from engine.run.directory import RunDir
from engine.run.labels import Labels, write_labels
from engine.tools import demo_data
from tui.app import ConsoleApp
from tui.settings import Layout, Memory
from tui.theme_names import THEME_NAMES, ThemeName

RUNS = Path("runs")
DATA = Path("digits")
COUNTS = {"train": 320, "val": 200, "test": 80}
CLASSES = 10
HOST = "laptop"
HOME = "/home/you/images"
"""Shown in place of the folder that all is made in, which has as many letters."""
FINISHED = {
    "first": ("outliers.method=embedding", "optim.lr=5e-4", "train.epochs=16"),
    "slower": ("optim.lr=1e-4", "train.epochs=10"),
    "all-images": ("optim.lr=5e-4", "train.epochs=12"),
}
LABELS = {
    "first": Labels(("baseline",), "two images of noise among the sevens; look at them again"),
    "slower": Labels(("rate",), "a fifth of the rate"),
}
LIVE = ("outliers.method=embedding", "optim.lr=5e-4", "train.epochs=30", "train.seed=1")
LIVE_EPOCHS = 11
"""How many the run that goes on has behind it when it is pictured."""
_SECONDS = 120.0
_STILL = 0.7


class Shot(NamedTuple):
    """A picture: of a run's live view or, without a run, of the list of runs, after keys were pressed.

    Each step is a key, or several with spaces between, and a text that has to be on screen before the next.
    """

    name: str
    run: str
    steps: tuple[tuple[str, str], ...]
    size: tuple[int, int] = (120, 36)


OF_THE_LIVING = (
    Shot("live", "final", (("", "TRAINING"),)),
    Shot("steer", "final", (("", "early stop"), ("equals_sign", "esc leaves all as it is"))),
    Shot("runs", "", (("", "running"),)),
)
OF_THE_FINISHED = (
    Shot("panel", "first", (("1", "esc back"), ("comma comma comma comma", "epoch"))),
    Shot("confusion", "first", (("m", "1 of"),)),
    Shot("outliers", "first", (("o", "newest first"), ("s", "largest error"), ("home n n n n n n", " 7 of"))),
    Shot("predictions", "first", (("v", "least certain first"),)),
    Shot("predict", "first", (("x", "best"),)),
    Shot("compare", "", (("ctrl+a", "marked"), ("m", "against the best"))),
    Shot("replay", "first", (("R", "space"), ("colon", ":"), ("5 5 enter", "55 %"), ("space", "play"))),
    Shot("new-run", "", (("A", "ready"), ("e", "e cancel"), ("", "e estimate   v"))),
    Shot("preview", "", (("A", "ready"), ("v", "▀▀▀")), (100, 30)),
    Shot("models", "", (("M", "top"),)),
)


def write_data() -> None:
    """Write the digits, and plant the outliers among those to train on."""
    demo_data.write(Path("all"))
    chance = random.Random(1)
    for split, count in COUNTS.items():
        for path in chance.sample(sorted((Path("all") / split).rglob("*.png")), count):
            target = DATA / path.relative_to("all")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    noise = np.random.default_rng(1)
    side = demo_data.SIDE
    planted = chance.sample(sorted((DATA / "train").rglob("*.png")), 12)
    for path in planted[:6]:
        wrong = (int(path.parent.name) + chance.randrange(1, CLASSES)) % CLASSES
        path.rename(DATA / "train" / str(wrong) / path.name)
    for path in planted[6:9]:
        Image.fromarray(noise.integers(0, 256, (side, side), dtype=np.uint8)).save(path)
    for number, path in enumerate(planted[9:]):
        Image.fromarray(np.full((side, side), 255 * (number % 2), np.uint8)).save(path)


def call(*words: str | Path) -> None:
    program = Path(sys.executable).with_name("vrdl-tui")
    subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL)


def train(name: str, settings: tuple[str, ...], how: str) -> None:
    words = [word for setting in ("schedule.patience=8", *settings) for word in ("--set", setting)]
    call("train", DATA, "--recipe", "demo", "--name", name, how, *words)


def await_epochs(run: RunDir, count: int) -> None:
    while not run.journal.exists() or run.journal.read_text().count('"type":"epoch_ended"') < count:
        time.sleep(0.5)


def screen_text(pilot: Pilot[int]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def shows(pilot: Pilot[int], text: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while text not in screen_text(pilot):
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain for {text!r}:\n{screen_text(pilot)}")
        await asyncio.sleep(0.05)


async def settled(pilot: Pilot[int]) -> None:
    """Wait until nothing is being read, and the screen has been the same for a while; that of a living run never is."""
    deadline = time.monotonic() + 4
    before, since = "", time.monotonic()
    while time.monotonic() < since + _STILL and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        now = screen_text(pilot)
        if now != before or "reading" in now or not now.strip():
            before, since = now, time.monotonic()


@contextlib.asynccontextmanager
async def opened(shot: Shot, theme: ThemeName = "dark") -> AsyncIterator[Pilot[int]]:
    memory = Memory()
    memory.layout = Layout(theme=theme)
    run = RunDir(RUNS / shot.run) if shot.run else None
    async with ConsoleApp(RUNS, run, memory=memory).run_test(size=shot.size) as pilot:
        await settled(pilot)
        for keys, text in shot.steps:
            await pilot.press(*keys.split())
            await shows(pilot, text)
        await settled(pilot)
        yield pilot


def drawn(pilot: Pilot[int]) -> str:
    """Return what is on the screen, this machine's name and folder given others."""
    screen = pilot.app.export_screenshot().replace(str(Path.cwd()), HOME)
    return compact(re.sub(rf"(?<!\w){re.escape(socket.gethostname())}(?!\w)", HOST, screen))


async def picture(shot: Shot) -> str:
    async with opened(shot) as pilot:
        return drawn(pilot)


async def themes() -> str:
    """Return the live view of a run in each of the themes, smaller, in one picture."""
    parts = []
    for theme in THEME_NAMES:
        async with opened(Shot("", "first", (("", "FINISHED"),), (100, 30)), theme) as pilot:
            parts.append(drawn(pilot))
    return two_by_two(parts)


def keep(folder: Path, name: str, svg: str) -> None:
    for private in (str(Path.cwd()), str(Path.home()), socket.gethostname()):
        if re.search(rf"(?<!\w){re.escape(private)}(?!\w)", svg):
            raise SystemExit(f"{name}: {private} is on the picture")
    (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"{name}.svg, {len(svg) / 1000:.0f} kB")


def main() -> None:
    default = Path(__file__).resolve().parents[1] / "pictures"
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        if len(home) != len(HOME):
            raise SystemExit(f"{home} has not as many letters as {HOME}")
        os.chdir(home)
        write_data()
        for name, settings in FINISHED.items():
            train(name, settings, "--headless")
            write_labels(RunDir(RUNS / name), LABELS.get(name, Labels()))
        probabilities = RUNS / "first" / "prediction_probabilities.csv"
        call("predict", "first", "--probabilities", probabilities)
        for shot in OF_THE_FINISHED:
            keep(folder, shot.name, asyncio.run(picture(shot)))
        keep(folder, "themes", asyncio.run(themes()))
        train("final", LIVE, "--detach")
        final = RunDir(RUNS / "final")
        await_epochs(final, LIVE_EPOCHS)
        for shot in OF_THE_LIVING:
            keep(folder, shot.name, asyncio.run(picture(shot)))
        call("send", "final", "stop")
        while final.is_alive():
            time.sleep(0.2)
        os.chdir(folder)


if __name__ == "__main__":
    main()
