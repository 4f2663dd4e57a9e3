"""`vrdl-tui predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Offline, Runs, Which, given_path

if TYPE_CHECKING:
    from engine.run.directory import RunDir


def predict(
    *run: Annotated[str, Parameter(help="Names of runs, or their paths. Of several the mean decides.")],
    test: Annotated[
        Path | None,
        Parameter(
            converter=given_path,
            help="Folder of images, sub-folders included. Left out: the test folder of the first run.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(
            converter=given_path,
            help="File to write. Left out: prediction.csv in the run's folder, for several runs here.",
        ),
    ] = None,
    probabilities: Annotated[
        Path | None,
        Parameter(
            converter=given_path,
            help="File for the probabilities of all classes too. Left out: they are not kept.",
        ),
    ] = None,
    tta: Annotated[
        bool,
        Parameter(help="Average each image with its mirror image; takes twice as long.", show_default=False),
    ] = False,
    checkpoint: Annotated[
        Which, Parameter(help="Weights to use: the best epoch's, or the last ones.")
    ] = "best",
    unreadable: Annotated[
        Literal["skip", "blank", "majority"] | None,
        Parameter(
            help="Row of an image that can't be read: none, without label, or with the most frequent label. Left "
            "out: as in the first run's recipe (predict.unreadable)."
        ),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    offline: Offline = False,
) -> int:
    """Write the labels of test images, from one trained run or several together.

    The file has the columns image_name and pred_label, one row an image, sorted by
    file name; a name is without suffix, unless two images would have the same. The
    file of probabilities has the columns image_name, pred_label, probability, and
    one a class. Several runs must know the same classes; their probabilities are
    averaged. Test images in folders named like classes have a label, and the
    prediction is scored by them: accuracy with its 95 % interval, macro F1. Exit
    code: 0 written, 1 failed, 2 bad input.
    """
    from engine.core.errors import UserError
    from engine.core.offline import forbid_network
    from engine.core.text import printable
    from engine.run.directory import find_run
    from tui.cli.say import note
    from tui.helper import HelperError, run_helper
    from tui.progress import ProgressBar

    if offline:
        forbid_network()
    if not run:
        raise UserError("which run? vrdl-tui predict RUN; vrdl-tui runs lists them")
    found = [find_run(runs, name) for name in run]
    for one in found:
        _check_weights(one, checkpoint)
    _check_test(found[0], test)
    target = _target(found, out)
    kept = _free(probabilities, "--probabilities") if probabilities is not None else None
    if kept is not None and kept.absolute() == target.absolute():
        raise UserError("--out and --probabilities name the same file; give them two")
    arguments = [*(str(one.path) for one in found), "--out", str(target), "--checkpoint", checkpoint]
    arguments += ["--test", str(test)] if test is not None else []
    arguments += ["--tta"] if tta else []
    arguments += ["--unreadable", unreadable] if unreadable is not None else []
    arguments += ["--probabilities", str(kept)] if kept is not None else []
    written: dict[str, Any] = {}
    with ProgressBar() as bar:

        def told(fact: dict[str, Any]) -> None:
            if "rows" in fact:
                written.update(fact)
            elif fact.get("total"):
                bar.draw("predicting", int(fact.get("done", 0)), int(fact["total"]))

        try:
            run_helper("engine.tools.predict", arguments, told)
        except HelperError as error:
            bar.hide()
            note(f"vrdl-tui: predict: {error}")
            return 1
    also = f", their probabilities to {printable(str(kept))}" if kept is not None else ""
    rows, images, read = (int(written.get(name, 0)) for name in ("rows", "images", "read"))
    labels = (
        f"{rows:,} labels" if read == images else f"{read:,} of {images:,} images predicted, {rows:,} rows"
    )
    print(f"{labels} written to {printable(str(target))}{also}")
    if score := written.get("score"):
        print(printable(str(score)))
    for line in written.get("notes", ()):
        note(printable(str(line)))
    if why := written.get("unrecorded"):
        note(f"the run's own files don't have this score: {printable(str(why))}")
    return 0


def _check_weights(run: "RunDir", checkpoint: Which) -> None:
    from engine.core.errors import UserError
    from engine.core.text import printable

    folder = run.checkpoints / checkpoint
    if not folder.is_dir():
        raise UserError(
            f"run {printable(run.name)} has no {checkpoint} weights yet; its first epoch saves some"
        )


def _check_test(run: "RunDir", test: Path | None) -> None:
    from engine.core.errors import UserError
    from engine.core.text import printable
    from engine.layout.not_a_folder import refuse
    from engine.layout.tree import Peek
    from engine.recipe.recipe import load_recipe

    folder = test if test is not None else Path(load_recipe(run.recipe).data.test)
    if test is None and folder == Path():
        raise UserError(f"run {printable(run.name)} has no test folder; name one with --test DIR")
    if not folder.is_dir():
        refuse(folder)
    if not Peek(folder).holds_images():
        raise UserError(f"no images in {printable(str(folder))}")


def _target(runs: "list[RunDir]", out: Path | None) -> Path:
    """Return the file to write. Raises UserError rather than overwrite what may be precious."""
    if out is None and len(runs) == 1:
        return runs[0].prediction
    return _free(Path("prediction.csv") if out is None else out, "--out")


def _free(path: Path, option: str) -> Path:
    """Return a file that can be written and isn't there yet. Raises UserError."""
    from engine.core.paths import expand_home
    from tui.cli.target import check_target

    target = expand_home(path)
    check_target(target, option)
    return target
