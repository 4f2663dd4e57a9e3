"""`vrdl-tui outliers scan`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tui.cli.options import Data, Device, Offline, given_path

_DEFAULT: Literal["embedding"] = "embedding"


def scan_(
    data: Data,
    /,
    *,
    method: Annotated[
        Literal["autoencoder", "embedding"],
        Parameter(
            help="An autoencoder for each class, as the report did, or the pretrained backbone's features."
        ),
    ] = _DEFAULT,
    csv: Annotated[
        Path | None,
        Parameter(
            converter=given_path, help="File to write with every judged image: class, path, error, threshold."
        ),
    ] = None,
    json: Annotated[
        bool,
        Parameter(
            help="Print a JSON object with: method, images, bad_images (path, reason), classes (class, images, "
            "first_threshold, largest_val_error, threshold, relaxed, note) and outliers (class, path, error, "
            "threshold, looks_like), greatest error over threshold first.",
            show_default=False,
        ),
    ] = False,
    recipe: Annotated[
        str, Parameter(help="Recipe that names model and sizes: a preset or a TOML file.")
    ] = "quick",
    settings: Annotated[
        list[str] | None,
        Parameter(
            name="--set", help="KEY=VALUE: change a key of the recipe, such as outliers.percentile=98."
        ),
    ] = None,
    device: Annotated[Device | None, Parameter(help="Where to compute: train.device.")] = None,
    offline: Offline = False,
) -> int:
    """Judge the images of a folder, and change nothing.

    Prints the images whose error is above their class's threshold. Where there
    is a val folder, its images can only raise the thresholds. Exit code: 0 done,
    1 failed, 2 bad input.
    """
    from engine.core.errors import UserError
    from engine.core.offline import forbid_network
    from tui.cli.outliers.found import Found
    from tui.cli.preflight import scan_recipe
    from tui.cli.say import note
    from tui.cli.target import check_target
    from tui.helper import HelperError, run_helper
    from tui.progress import ProgressBar

    if offline:
        forbid_network()
    asked = [*(settings or ()), f"outliers.method={method}", *([f"train.device={device}"] if device else [])]
    prepared = scan_recipe(data, recipe, asked, note)
    if csv is not None:
        check_target(csv, "--csv")
    complete = prepared.recipe
    for line in prepared.listing.summary():
        note(line)
    found = Found(method)
    with ProgressBar() as bar:

        def told(fact: dict[str, Any]) -> None:
            if "what" in fact:
                if fact.get("total"):
                    bar.draw(str(fact["what"]), int(fact.get("done", 0)), int(fact["total"]))
            else:
                found.add(fact)

        try:
            run_helper("engine.tools.scan", [complete.model_dump_json()], told)
        except HelperError as error:
            bar.hide()
            note(f"vrdl-tui: outliers scan: {error}")
            return 1
    if not found.images:
        raise UserError("none of the images can be read")
    if csv is not None:
        found.write_csv(csv)
    if json:
        found.print_json()
    else:
        found.print_table()
    return 0
