"""Recipes: judged whole, with every fault named; TOML in and out."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import UserError
from engine.recipe.recipe import (
    LIVE_KEYS,
    RENAMED,
    Recipe,
    change,
    load_recipe,
    preset_names,
    recipe_keys,
    value_of,
)


def refusal(*settings: str, source: str | Path | None = None) -> str:
    with pytest.raises(UserError) as caught:
        load_recipe(source, settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_whole(name: str) -> None:
    assert load_recipe(name).train.epochs > 0


def test_the_presets_are_the_promised_ones() -> None:
    assert preset_names() == ["demo", "quick", "report", "report-text", "resnet50"]


def test_report_is_the_final_run() -> None:
    recipe = load_recipe("report")
    outliers = recipe.outliers
    assert (outliers.method, outliers.percentile, outliers.relax, outliers.epochs, outliers.size) == (
        "autoencoder", 95, 1.1, 30, 128,
    )  # fmt: skip
    assert recipe.model_copy(update={"outliers": load_recipe().outliers}) == load_recipe()
    schedule = recipe.schedule
    assert (schedule.kind, schedule.factor, schedule.every, schedule.patience) == ("counter", 0.6, 4, 12)
    assert (recipe.model.name, recipe.model.drop_rate) == ("seresnet152d.ra2_in1k", 0.5)
    assert (recipe.optim.lr, recipe.mixup.alpha, recipe.train.epochs) == (1.5e-4, 0.5, 60)


def test_report_text_is_the_text() -> None:
    schedule = load_recipe("report-text").schedule
    assert (schedule.factor, schedule.every, schedule.patience) == (0.8, 2, 10)


def test_settings_lie_over_the_file_and_the_base() -> None:
    recipe = load_recipe(
        "quick", ["train.epochs=3", "data.train=/c"], base={"data": {"train": "/a", "val": "/b"}}
    )
    assert (recipe.train.epochs, recipe.data.train, recipe.data.val) == (3, "/c", "/b")
    assert recipe.data.train_size == 128


def test_the_base_lies_over_the_files_own_paths(tmp_path: Path) -> None:
    other = load_recipe("quick", base={"data": {"train": "/old", "val": "/old-val"}})
    file = tmp_path / "recipe.toml"
    file.write_text(other.to_toml())
    recipe = load_recipe(file, base={"data": {"train": "/new", "val": ""}})
    assert (recipe.data.train, recipe.data.val) == ("/new", "")


def test_all_faults_are_named_at_once() -> None:
    message = refusal("optim.lr=-1", "train.epochs=0", "optim.lrr=1", "mixup.alpha=nan", "nonsense")
    for part in (
        "optim.lr = -1",
        "train.epochs = 0",
        "did you mean optim.lr?",
        "mixup.alpha",
        "not KEY=VALUE",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("model.nam", "model.name"),
        ("lr", "optim.lr"),
        ("train.epoch", "train.epochs"),
        ("optimizer.lr", "optim.lr"),
    ],
)
def test_an_unknown_key_gets_the_nearest_right_one(wrong: str, right: str) -> None:
    assert f"unknown key {wrong}; did you mean {right}?" in refusal(f"{wrong}=1")


def test_an_unknown_key_in_a_file_gets_the_nearest_right_one(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[optim]\nlearning_rate = 1\n[trian]\nepochs = 3\n")
    message = refusal(source=file)
    assert "unknown key optim.learning_rate; " in message
    assert "unknown section [trian]; did you mean [train]?" in message


def test_a_section_that_is_no_table(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("optim = 3\n")
    assert "optim = 3" in refusal(source=file)
    assert "[optim] is not a table" in refusal("optim.lr=1", source=file)


def test_malformed_toml_names_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("[optim]\nlr = = 3\n")
    assert "broken.toml is not TOML" in refusal(source=file)
    assert "line 2" in refusal(source=file)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "bytes.toml"
    file.write_bytes(b"\xff\xfe\x00")
    assert "can't be read" in refusal(source=file)
    assert "can't be read" in refusal(source=tmp_path)


def test_an_unknown_preset_gets_the_nearest_one() -> None:
    assert "did you mean quick?" in refusal(source="quik")
    assert "the presets are demo, quick" in refusal(source="zzzzz")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("model.name=resnet18", "resnet18"),
        ('model.name="resnet18"', "resnet18"),
        ("model.name= resnet18 ", "resnet18"),
        ("model.weights=/a=b.safetensors", "/a=b.safetensors"),
        ("model.pretrained=false", "false"),
        ("augment.crop_scale=[0.2, 0.9]", "(0.2, 0.9)"),
        ("optim.lr=1e-4", "0.0001"),
    ],
)
def test_values_are_toml_or_plain_text(text: str, value: str) -> None:
    key = text.partition("=")[0]
    assert value_of(load_recipe(None, [text]), key) == value


def test_change_judges_like_a_recipe() -> None:
    recipe = load_recipe("quick")
    assert change(recipe, "train.epochs", "80").train.epochs == 80
    with pytest.raises(UserError, match=r"train\.epochs = -3"):
        change(recipe, "train.epochs", "-3")
    with pytest.raises(UserError, match=r"did you mean train\.epochs\?"):
        change(recipe, "train.epoch", "3")


def test_live_keys_are_keys() -> None:
    assert set(LIVE_KEYS) <= set(recipe_keys())


unit = st.floats(0, 1)
tables: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {"train": st.text(st.characters(exclude_categories=["Cs"])), "train_size": st.integers(16, 4096)}
        ),
        "augment": st.fixed_dictionaries({"enabled": st.booleans(), "crop_scale": st.tuples(unit, unit)}),
        "mixup": st.fixed_dictionaries({"alpha": st.floats(0, 100)}),
        "optim": st.fixed_dictionaries({"lr": st.floats(0, 10, exclude_min=True)}),
        "schedule": st.fixed_dictionaries({"kind": st.sampled_from(["counter", "plateau", "cosine"])}),
        "train": st.fixed_dictionaries({"seed": st.integers(0, 2**63 - 1)}),
    }
)


@given(tables)
def test_toml_round_trip(tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]) -> None:
    recipe = Recipe.model_validate(table)
    file = tmp_path_factory.getbasetemp() / "round.toml"
    file.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(file) == recipe


def test_toml_writes_every_key_out() -> None:
    text = Recipe().to_toml()
    assert all(f"\n{key.partition('.')[2]} = " in text for key in recipe_keys())


def test_a_number_that_python_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    path.write_text(f"[train]\nepochs = 0x{'f' * 5000}\n")
    with pytest.raises(UserError, match=r"train\.epochs = a number with too many digits"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("old", "value"),
    [("train.accumulate", 3), ("train.ema", 0.9), ("model.dropout", 0.1), ("augment.erase_p", 0.2)],
)
def test_a_key_by_its_old_name_is_read_and_its_new_one_said(tmp_path: Path, old: str, value: float) -> None:
    section, _, name = old.partition(".")
    path = tmp_path / "old.toml"
    path.write_text(f"[{section}]\n{name} = {value}\n")
    for source, settings in ((path, ()), (None, (f"{old}={value}",))):
        notes: list[str] = []
        recipe = load_recipe(source, settings, note=notes.append)
        assert value_of(recipe, RENAMED[old]) == str(value)
        assert notes == [f"{old} is now {RENAMED[old]}"]
    assert old not in recipe_keys()
    into, _, key = RENAMED[old].partition(".")
    path.write_text(f"{section}.{name} = {value}\n{into}.{key} = {value}\n")
    with pytest.raises(UserError, match=rf"{old} is the old name of {RENAMED[old]}, and both are set"):
        load_recipe(path)
