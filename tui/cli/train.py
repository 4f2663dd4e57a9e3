"""`vrdl-tui train`."""

from typing import Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Ascii, Data, Detach, Device, Headless, Offline, Runs


def train(
    data: Data,
    /,
    *,
    recipe: Annotated[
        str | None,
        Parameter(
            help="How to train: demo, quick, report, report-text, resnet50, or a TOML file. "
            "Left out: report with an NVIDIA GPU, quick without."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            help="KEY=VALUE: change one key of the recipe, such as train.epochs=20 or model.name=resnet18; "
            "may be given again. All keys, with their values, are in the recipe.toml of any run.",
        ),
    ] = None,
    name: Annotated[str | None, Parameter(help="Name of the run. Left out: the time and the model.")] = None,
    runs: Runs = DEFAULT_RUNS,
    device: Annotated[Device | None, Parameter(help="Where to train: train.device.")] = None,
    headless: Headless = False,
    detach: Detach = False,
    ascii: Ascii = False,
    offline: Offline = False,
    yes: Annotated[
        bool,
        Parameter(help="Don't ask before a run with outliers.action=delete.", show_default=False),
    ] = False,
) -> int:
    """Start a run on a folder of images.

    Opens the console on it; where there is no terminal, as with --headless, it
    prints the training log. Without a val folder a share of each class
    (data.val_fraction) is set aside for validation. With a test folder the run
    ends by writing prediction.csv. The paths of DATA go before those that a
    recipe file names. Exit code: 0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    from engine.core.offline import forbid_network
    from engine.run.directory import RunDir
    from tui.cli.begin import begin, choose_mode
    from tui.cli.confirm import confirm_deletion
    from tui.cli.devices import RecipeChoice, default_recipe
    from tui.cli.preflight import prepare_recipe
    from tui.cli.say import note

    if offline:
        forbid_network()
    mode = choose_mode(headless=headless, detach=detach)
    choice = default_recipe() if recipe is None else RecipeChoice(recipe)
    asked = list(settings or ()) + ([f"train.device={device}"] if device else [])
    prepared = prepare_recipe(data, choice.name, [*choice.settings, *asked], name, note)
    complete = prepared.recipe
    if complete.outliers.method != "none" and complete.outliers.action == "delete" and not yes:
        confirm_deletion(complete.data.train)
    said = prepared.said()
    run = RunDir.create(runs, name, complete.model.name, complete.to_toml(), complete.train.share)
    for line in said:
        note(line)
    if choice.why:
        note(f"recipe {choice.name}, chosen {choice.why}; another with --recipe")
    return begin(runs, run, mode, ascii=ascii)
