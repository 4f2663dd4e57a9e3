"""`vrdl-tui ablate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Data, Offline, Runs

if TYPE_CHECKING:
    from engine.analysis.ablation import ExperimentName, Plan


def ablate(
    data: Data,
    /,
    *,
    recipe: Annotated[
        str | None,
        Parameter(
            help="The recipe that the experiments share: a preset or a TOML file, as with train. "
            "Left out: report with an NVIDIA GPU, quick without."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        Parameter(name="--set", help="KEY=VALUE: change one key of the recipe; may be given again."),
    ] = None,
    seeds: Annotated[int, Parameter(help="Runs of each arm, with train.seed one higher each time.")] = 3,
    only: Annotated[
        str | None,
        Parameter(help="Which of outliers,augmentation,mixup; separated by commas. Left out: all three."),
    ] = None,
    name: Annotated[
        str, Parameter(help="Folder below the runs that holds this ablation's runs.")
    ] = "ablation",
    dry_run: Annotated[bool, Parameter(help="Print the plan and start nothing.", show_default=False)] = False,
    runs: Runs = DEFAULT_RUNS,
    offline: Offline = False,
) -> int:
    """Train with and without: outlier exclusion, augmentation, mixup.

    Each experiment switches one thing of the recipe; the runs of the recipe itself
    are shared by all, so that nothing is trained twice. They are ordinary runs,
    trained one after the other; Ctrl-C stops with a checkpoint, and the same
    command goes on, after a crash too; so does the console (X in a new run). More --seeds later add to what is there.
    At the end: means and differences with their 95 % intervals (Student's t, over
    seeds), a plot for each experiment, runs.csv and effects.csv in the folder.
    Exit code: 0 done, 1 a run failed, 2 bad input, 130 interrupted.
    """
    from engine.analysis.ablation import begin, check_goes_on, make_plan
    from engine.core.offline import forbid_network
    from engine.run.directory import check_name
    from tui.cli.ablate_runs import conduct
    from tui.cli.devices import RecipeChoice, default_recipe
    from tui.cli.preflight import prepare_recipe
    from tui.cli.say import note

    if offline:
        forbid_network()
    choice = default_recipe() if recipe is None else RecipeChoice(recipe)
    names = _experiments(only)
    prepared = prepare_recipe(data, choice.name, [*choice.settings, *(settings or ())], name, note)
    plan = make_plan(prepared.recipe, names, seeds)
    folder = runs / check_name(name)
    check_goes_on(folder, plan)
    for line in prepared.said():
        note(line)
    if dry_run:
        _print_plan(folder, plan)
        return 0
    begin(folder, plan).adopt()
    return conduct(folder, plan)


def _experiments(only: str | None) -> "list[ExperimentName]":
    from engine.analysis.ablation import EXPERIMENTS
    from engine.core.errors import UserError
    from engine.core.text import nearest, printable

    if only is None:
        return list(EXPERIMENTS)
    words = [word.strip() for word in only.split(",")]
    for word in words:
        if word not in EXPERIMENTS:
            close = nearest(word, EXPERIMENTS, 1)
            hint = f"did you mean {close[0]}?" if close else f"the experiments are {', '.join(EXPERIMENTS)}"
            raise UserError(f"--only: no experiment '{printable(word, 40)}'; {hint}")
    return [name for name in EXPERIMENTS if name in words]


def _print_plan(folder: Path, plan: "Plan") -> None:
    from engine.core.text import count
    from engine.recipe.recipe import value_of
    from tui.cli.naming import shown_path

    trainings = plan.trainings
    print(
        f"{count(len(trainings), 'run')} in {shown_path(folder)}, {count(len(plan.seeds), 'seed')} for each arm:"
    )
    for one in trainings:
        switches = ", ".join(f"{two.key}={value_of(one.recipe, two.key)}" for two in plan.experiments)
        print(f"  {one.name}: {switches}")
    for two in plan.experiments:
        print(f"{two.name}: {two.with_} against {two.without}")
