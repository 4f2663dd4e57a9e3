"""A person's way through what opens over the live view of one run that is over, and of one that is paused."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

from engine.journal.events import SettingChanged
from engine.journal.state import RunState
from engine.run.directory import RunDir
from tests.e2e.terminal import END, ESCAPE, Terminal
from tests.engine.conducting import Watcher

PANELS = ("accuracy", "learning rate", "early stop", "confusion", "outlier log")


def state_of(run: RunDir) -> RunState:
    """Return how the run's journal leaves it."""
    watcher = Watcher(run)
    watcher.look()
    return watcher.state


def opens(console: Terminal, name: str, *texts: str) -> None:
    """Look for a run in the list by its name, and open its live view."""
    console.press(f"/name:{name}\r")
    console.shows("1 of 1 found in")
    console.press("\r")
    console.shows(name, *PANELS, *texts)


def back_to_the_list(console: Terminal) -> None:
    console.press("b")
    console.shows("runs in runs", "state", "started")


def live_view(console: Terminal, run: RunDir) -> None:
    state = state_of(run)
    last, wrong = state.epochs[-1], wrong_of(state)
    opens(console, run.name, "FINISHED", f"epoch {last.epoch}/{last.epoch}")
    console.until(percents(val=last.val_acc, train=last.train_acc, best=last.best), "the newest figures")
    console.shows(f"{wrong} of 18 wrong", "6 of 30 images left out (20.0 %)")
    console.press("?")
    console.shows("closing this console, or losing", "With mixup")
    console.press(ESCAPE)
    console.hides("closing this console")


def percents(**figures: float) -> Callable[[str], bool]:
    """Say of a screen whether it has each figure behind its name; a blank before the sign needs room."""
    words = [f"{name} {value:.2f}%" for name, value in figures.items()]
    return lambda screen: all(word in screen.replace(" %", "%") for word in words)


def wrong_of(state: RunState) -> int:
    assert state.confusion is not None
    return sum(images for true, predicted, images in state.confusion.cells if true != predicted)


def panels_over_the_screen(console: Terminal, run: RunDir) -> None:
    state = state_of(run)
    plot(console, state)
    epochs, first, last = state.epochs, state.epochs[0], state.epochs[-1]
    console.press("2")
    console.shows("━ learning rate", "0.0001", f"LR {last.lr:.9f}")
    console.press("3")
    console.shows("watches  validation accuracy", *(f"{epoch.val_loss:.5f}" for epoch in epochs))
    console.shows(f"{first.train_acc:.2f}", f"{first.train_loss:.5f}")
    console.press("4")
    console.shows(f"epoch {last.epoch}: {wrong_of(state)} of 18 wrong", "a by class")
    console.press("a")
    console.shows("accuracy by class", "worst first", "a matrix")
    assert state.confusion is not None
    right = [images for true, predicted, images in state.confusion.cells if true == predicted]
    console.shows(*(f"{images}/6" for images in right))
    console.press("5")
    console.shows("files untouched", *(f"{colour:<5} 2/10  20.0 %" for colour in ("blue", "green", "red")))
    console.shows(*("/".join(Path(path).parts[-2:]) for path in state.outliers.excluded))
    console.press("6")
    console.shows("─ system ─")
    console.shows("disk free" if state.samples else "no figures: this attempt did not last the five seconds")
    console.press("z")
    console.shows(*PANELS)


def plot(console: Terminal, state: RunState) -> None:
    """Every key of the curves, over the whole screen."""
    epochs = state.epochs
    last, before = epochs[-1], epochs[-2]
    console.press("1")
    console.shows("f recent", "• train  all", f"epoch {last.epoch}  val {last.val_acc:.2f} %")
    console.shows(f"val loss {last.val_loss:.5f}", f"train loss {last.train_loss:.5f}")
    console.press(",")
    console.shows(f"epoch {before.epoch}  val {before.val_acc:.2f} %", f"val loss {before.val_loss:.5f}")
    console.press(".")
    console.shows(f"epoch {last.epoch}  val", f"val loss {last.val_loss:.5f}")
    console.press("f")
    console.shows("last 50")
    console.press("f")
    console.shows("• train  all")
    console.press("g")
    console.shows("log axis")
    console.press("g")
    console.hides("log axis")
    console.press("S")
    console.shows("smoothing 0.6")
    console.press("SS")
    console.hides("smoothing")
    console.press("+")
    console.shows(zoomed := f"epochs 2–{last.epoch} ")
    console.press("\x1b[D" * 3)
    console.until(lambda screen: "epochs " in screen and zoomed not in screen, "the plot moved to the left")
    console.press("-0")
    console.shows("• train  all", f"epoch {last.epoch}  val")
    for alone in ("learning rate", "accuracy", "loss"):
        console.press("y")
        console.until(re.compile(rf"│ ?{alone} +│").search, f"the curve of the {alone} alone")
    console.press("?")
    console.shows("Smoothing is an exponential mean")
    console.press(ESCAPE)
    console.hides("Smoothing is")


def log(console: Terminal, run: RunDir) -> None:
    best = state_of(run).early_stop.best_epoch
    console.press("l/stage: imp")  # in one piece: no letter is lost, and none is a key
    console.shows("/stage: imp_  1 of 1", "importing (torch and timm)")
    console.press("\r")
    console.shows("/stage: imp  1 of 1")
    console.press(f"/checkpoint best saved: epoch {best}\r")
    console.shows(f"checkpoint best saved: epoch {best}", f"epoch {best}  1 of 1")
    console.press(ESCAPE)
    console.hides("/checkpoint")
    console.press("w")
    console.shows("log, warnings only")
    console.press("E")
    console.shows("engine.log")
    console.press(ESCAPE)
    console.shows(*PANELS)


def confusion(console: Terminal, run: RunDir) -> None:
    state = state_of(run)
    assert state.confusion is not None
    console.press("m")
    console.shows("true down, predicted across", "confusion best epoch", "surest first")
    console.press("w")
    console.hides("best epoch")
    console.shows(f"{wrong_of(state)} of 18 wrong")
    worst = max(images for true, predicted, images in state.confusion.cells if true != predicted)
    console.shows(f"[{worst}]", f"{worst} = {worst / 6 * 100:.1f} % of row", "▀▀▀▀▀▀▀▀", f"1 of {worst}")
    if worst > 1:
        console.press("n")
        console.shows(f"2 of {worst}")
    console.press("%")
    console.shows("the matrix shows % of the true class")
    console.press("\t")
    console.shows("confused pairs", "Enter go there")
    console.press("\t")
    right = [images for true, predicted, images in state.confusion.cells if true == predicted]
    console.shows("classes, rates in %", *(f"{images / 6 * 100:.1f}" for images in right))
    before = set(run.path.glob("*.csv"))
    console.press("e")
    console.shows("written: ")
    (table,) = set(run.path.glob("*.csv")) - before
    assert len(table.read_text().splitlines()) == 4  # a head, and a row for each class
    console.press("?")
    console.shows("The pictures are those of the best weights")
    console.press(ESCAPE)
    console.hides("The pictures are those")
    console.press(ESCAPE)
    console.shows(*PANELS)


def predictions(console: Terminal, run: RunDir) -> None:
    """Predict anew, with probabilities, and look at the table; it is opened by its own key too."""
    run.prediction.unlink(missing_ok=True)
    console.press("v")
    console.shows("no prediction yet")
    console.press("x")
    console.shows("writes prediction.csv from the best weights", "weights        best", "[ ] two")
    console.press("\x1b[B\x1b[B ")
    console.shows("probabilities  on", "predicts with this run, in a process beside")
    console.press("\r")
    console.shows("4 images", "prediction.csv", "least certain first", "1 of 4", "▀▀▀▀▀▀▀▀")
    with run.prediction.open(newline="") as file:
        labels = {row["image_name"]: row["pred_label"] for row in csv.DictReader(file)}
    assert sorted(labels) == ["0", "1", "2", "3"]
    screen = console.text
    assert all(re.search(rf" %  {label} +{name} ", screen) for name, label in labels.items()), screen
    console.press("s")
    console.shows("most certain first")
    console.press(f"/class:{labels['0']}")
    found = sum(label == labels["0"] for label in labels.values())
    console.shows(f"class:{labels['0']}", f"1 of {found} " if found < 4 else "1 of 4")
    console.press(ESCAPE)
    console.shows("1 of 4", "predictions 4 images")
    console.hides("class:")
    console.press(ESCAPE)
    console.shows(*PANELS)
    console.press("v")
    console.shows("predictions 4 images", "least certain first")
    console.press(ESCAPE)
    console.shows(*PANELS)


def outliers(console: Terminal, run: RunDir) -> None:
    out = list(state_of(run).outliers.excluded.values())
    newest = out[-1]
    console.press("o")
    console.shows("outliers 6 of 30 images left out", "newest first", "this image", "1 of 6", "▀▀▀▀▀▀▀▀")
    console.shows(
        f"class   {newest.class_name}", Path(newest.path).name, f"error   {newest.error:.4f} > threshold"
    )
    console.press("n")
    console.shows("2 of 6", Path(out[-2].path).name)
    console.press("a")
    console.shows("all images of", "a outliers")
    console.press("a")
    console.shows("newest first")
    console.press("e")
    console.shows("this image is left out already; u restores it")
    console.press(ESCAPE)
    console.shows(*PANELS)


def replay(console: Terminal, run: RunDir) -> None:
    last = state_of(run).epochs[-1]
    console.press("R")
    console.shows("REPLAY", "×1", "playing")
    console.press(" ")
    console.shows("paused")
    console.press(":0\r")
    console.shows(" 0 % ", "no epoch has ended yet")
    console.press(">")
    console.hides("×1 ")
    console.press(END)
    console.shows("100 %", "at the end", f"epoch {last.epoch}/{last.epoch}")
    console.until(percents(val=last.val_acc, best=last.best), "the newest figures")
    console.press("?")
    console.shows("help: replay", "nothing of the run is changed")
    console.press(ESCAPE)
    console.hides("help: replay")
    console.press(ESCAPE)
    console.hides("REPLAY")
    console.shows(*PANELS)


def steering(console: Terminal, run: RunDir, rate: str) -> None:
    """Change the learning rate of the paused run; a wrong one is refused where it is typed."""
    opens(console, run.name, "PAUSED", "p go on")
    console.press("=")
    console.shows("go on from the best weights so far", "esc leaves all as it is")
    console.press("\r" + "\x7f" * 12 + "-1\r")
    console.shows("optim.lr = -1_", "input should be greater than 0")
    console.press(f"\x7f\x7f{rate}\r")
    console.shows(f"optim.lr: optim.lr = {rate}", f"{float(rate):.9f}")
    console.press("z")
    console.shows("─ system ─", "CPU", "memory", "disk free")
    console.press("z")
    console.shows(*PANELS)
    changed = [event for event in watched(run) if isinstance(event, SettingChanged)][-1]
    assert (changed.key, str(changed.new)) == ("optim.lr", rate)
    console.press("=")
    console.shows("go on from the best weights so far", rate)
    console.press(ESCAPE)
    console.hides("go on from the best weights")
    back_to_the_list(console)


def watched(run: RunDir) -> list[object]:
    watcher = Watcher(run)
    watcher.look()
    return list(watcher.events)
