"""The plan of an ablation, its file, and what it makes of the runs' figures."""

from pathlib import Path

import pytest

from engine.analysis.ablation import (
    EXPERIMENTS,
    Plan,
    begin,
    check_goes_on,
    effects,
    effects_csv,
    epoch_means,
    load_plan,
    make_plan,
    runs_csv,
    save_plan,
    verdict,
)
from engine.analysis.compare import RunReader
from engine.core.errors import UserError
from engine.recipe.recipe import load_recipe
from engine.run.directory import RunDir
from tests.made_comparisons import make_run


def plan_of(*settings: str, recipe: str = "quick", seeds: int = 2, only: str = "") -> Plan:
    names = [name for name in EXPERIMENTS if not only or name in only.split(",")]
    return make_plan(load_recipe(recipe, ["data.train=/data", *settings]), names, seeds)


def test_the_recipe_itself_is_an_arm_of_every_experiment() -> None:
    plan = plan_of()
    arms = {one.name: (one.without, one.with_, one.value) for one in plan.experiments}
    assert arms == {
        "outliers": ("baseline", "outliers-on", "embedding"),
        "augmentation": ("augmentation-off", "baseline", "true"),
        "mixup": ("baseline", "mixup-on", "0.5"),
    }
    assert [one.name for one in plan.trainings] == [
        "baseline-seed0", "outliers-on-seed0", "augmentation-off-seed0", "mixup-on-seed0",
        "baseline-seed1", "outliers-on-seed1", "augmentation-off-seed1", "mixup-on-seed1",
    ]  # fmt: skip
    switched = [
        (one.recipe.outliers.method, one.recipe.augment.enabled, one.recipe.mixup.alpha)
        for one in plan.trainings
    ]
    assert switched[:4] == [
        ("none", True, 0),
        ("embedding", True, 0),
        ("none", False, 0),
        ("none", True, 0.5),
    ]
    assert [one.recipe.train.seed for one in plan.trainings] == [0] * 4 + [1] * 4


def test_a_recipe_with_everything_on() -> None:
    plan = plan_of(recipe="report", seeds=1)
    assert [one.name for one in plan.trainings] == [
        "baseline-seed0", "outliers-off-seed0", "augmentation-off-seed0", "mixup-off-seed0",
    ]  # fmt: skip
    assert [one.value for one in plan.experiments] == ["autoencoder", "true", "0.5"]
    assert plan.trainings[1].recipe.outliers.method == "none"
    assert plan.trainings[3].recipe.mixup.alpha == 0


def test_without_a_pretrained_backbone_outliers_are_found_by_the_autoencoder() -> None:
    (experiment,) = plan_of("model.pretrained=false", only="outliers").experiments
    assert experiment.value == "autoencoder"


def test_what_cannot_be_planned() -> None:
    with pytest.raises(UserError, match="--seeds 0: must be at least 1"):
        plan_of(seeds=0)
    with pytest.raises(UserError, match=r"add --set outliers\.action=exclude"):
        plan_of("outliers.action=delete")
    assert plan_of("outliers.action=delete", only="mixup").names == ("mixup",)
    with pytest.raises(UserError, match=r"train\.seed"):
        plan_of("train.seed=9223372036854775807", seeds=2)


def test_the_plan_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    assert load_plan(folder) is None
    plan = plan_of(only="mixup")
    save_plan(folder, plan)
    assert load_plan(folder) == plan
    (folder / "ablation.toml").write_text("seeds = 3")
    with pytest.raises(UserError, match=r"ablation\.toml can't be read"):
        load_plan(folder)


def test_what_goes_on_and_what_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    check_goes_on(folder, plan_of())
    save_plan(folder, plan_of(only="mixup"))
    check_goes_on(folder, plan_of(seeds=5))
    with pytest.raises(UserError, match=r"has another recipe \(train\.epochs = 8\); choose another --name"):
        check_goes_on(folder, plan_of("train.epochs=9"))
    RunDir.create(folder, "baseline-seed1", "m", load_recipe("quick").to_toml())
    with pytest.raises(UserError, match="baseline-seed1 was created with another recipe"):
        check_goes_on(folder, plan_of())
    (tmp_path / "b").mkdir()
    with pytest.raises(UserError, match="b exists and is not an ablation"):
        check_goes_on(tmp_path / "b", plan_of())


def test_effects_are_paired_by_seed(tmp_path: Path) -> None:
    plan = plan_of(seeds=4, only="mixup")
    curves = {"baseline": [70, 74, 66, 78], "mixup-on": [73, 76, 69, 82]}
    results = {
        (arm, seed): RunReader(make_run(tmp_path, f"{arm}-seed{seed}", [50, best])).read()
        for arm, bests in curves.items()
        for seed, best in enumerate(bests)
    }
    (effect,) = effects(plan, results)
    assert (effect.without.mean, effect.with_.mean, effect.difference.mean) == (72, 75, 3)
    assert effect.difference.low == pytest.approx(1.70, abs=0.01)
    assert effect.without.low is not None
    assert effect.without.low < 66  # the seeds' own spread is far wider than that of the pairs
    assert verdict(effect) == "better with it, by more than the seeds' spread"
    (row,) = effects_csv([effect]).splitlines()[1:]
    assert row.startswith("mixup,mixup.alpha,0.5,4,72.0,")
    assert len(runs_csv(plan, results).splitlines()) == 9
    means = epoch_means([results["baseline", seed].epochs for seed in range(4)], "val_acc")
    assert [mean.mean for mean in means] == [50, 72]

    del results["mixup-on", 3]
    (effect,) = effects(plan, results)
    assert effect.difference.n == effect.without.n == 3


def test_too_few_seeds_are_called_that(tmp_path: Path) -> None:
    plan = plan_of(seeds=2, only="mixup")
    bests = {("baseline", 0): 70, ("mixup-on", 0): 72, ("baseline", 1): 71, ("mixup-on", 1): 72}
    results = {
        (arm, seed): RunReader(make_run(tmp_path, f"{arm}{seed}", [best])).read()
        for (arm, seed), best in bests.items()
    }
    (effect,) = effects(plan, results)
    assert verdict(effect) == "no effect shown: the interval contains 0; 2 seeds show only large effects"
    (effect,) = effects(plan, {key: run for key, run in results.items() if key[1] == 0})
    assert effect.difference == (2, None, None, 1)
    assert verdict(effect) == "one seed: no confidence interval; use --seeds 3 or more"
    assert effects(plan, {}) == []


def test_a_lock_that_is_a_link_is_no_ablation_under_way(tmp_path: Path) -> None:
    folder, precious = tmp_path / "abl", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("kept")
    (folder / "lock").symlink_to(precious)
    with pytest.raises(UserError, match=r"lock .*link"):
        begin(folder, plan_of(only="mixup"))
    assert precious.read_text() == "kept"
