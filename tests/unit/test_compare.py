"""The comparison of runs: who is best, by what test, after which correction, and in what recipes differ."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.analysis.compare import Comparison, RunReader, compare, read_comparison
from engine.analysis.compare_tables import as_csv, as_json, as_markdown, grounds, sentence, short
from engine.analysis.predictions import write_judged
from engine.core.errors import UserError
from engine.journal.events import SettingChanged, encode_line
from engine.run.directory import RunDir
from tests.made_comparisons import IMAGES, judged, make_run


def test_two_runs_image_by_image(tmp_path: Path) -> None:
    good = make_run(tmp_path, "good", [60, 90, 88], right=range(90))
    weak = make_run(tmp_path, "weak", [50, 75], "optim.lr=0.001", right=range(15, 90))
    found = read_comparison([weak, good])
    assert found.best == 1
    assert found.tests[1] is None
    test = found.tests[0]
    assert test is not None
    assert (test.method, test.images, test.best_only, test.other_only) == ("images", 100, 15, 0)
    assert test.p == test.corrected == 2 / 2**15
    assert test.differs
    assert not found.corrected
    assert [(one.key, one.values) for one in found.differences] == [("optim.lr", ("0.001", "0.0005"))]
    assert found.entrants[1].seconds == 180
    assert found.entrants[1].best_epoch == 2
    assert short(found, 0) == "worse"
    assert sentence(found, 0) == (
        "worse than good by more than noise: of the 100 validation images that one alone has 15 right, "
        "this one alone 0; McNemar p < 0.0001"
    )
    assert sentence(found, 1) == "best, and its lead is more than noise"
    assert len(grounds(found)) == 2


def test_a_lead_within_noise(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "a", [80], right=range(80)), make_run(tmp_path, "b", [78], right=range(2, 80))]
    found = read_comparison(runs)
    assert found.tests[1] is not None
    assert found.tests[1].p == 0.5
    assert short(found, 1) == "within noise"
    assert sentence(found, 1).startswith(
        "within noise of a: of the 100 validation images that one alone has 2"
    )
    assert sentence(found, 0) == "best, but its lead is not shown to be more than noise"


def test_several_are_corrected(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "a", [90], right=range(90)),
        make_run(tmp_path, "b", [84], right=range(6, 90)),  # p 0.03125
        make_run(tmp_path, "c", [83], right=range(7, 90)),  # p 0.015625
        make_run(tmp_path, "d", [70], right=range(20, 90)),
    ]
    found = read_comparison(runs)
    p = [test.p for test in found.tests if test is not None]
    assert p == pytest.approx([0.03125, 0.015625, 2 / 2**20])
    assert [test.corrected for test in found.tests if test is not None] == pytest.approx(
        [0.03125, 0.03125, 6 / 2**20]
    )
    assert found.corrected
    assert any("Holm" in said for said in grounds(found))
    assert "McNemar p = 0.0156, corrected 0.0312" in sentence(found, 2)


def test_other_images_fall_back_to_the_intervals(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "a", [95], right=range(95)),
        make_run(tmp_path, "b", [60], right=range(60), folder="/other/val"),
        make_run(tmp_path, "c", [93], right=range(93), folder="/other/val"),
    ]
    found = read_comparison(runs)
    assert [test.differs for test in found.tests if test is not None] == [True, False]
    assert [short(found, at) for at in range(3)] == ["best", "intervals apart", "intervals overlap"]
    why = "they have different validation images (0 in common of 100 and 100)"
    assert sentence(found, 2) == (
        f"not shown to differ from a: their 95 % intervals overlap; not compared image by image: {why}"
    )
    assert sentence(found, 0) == "best; its lead is more than noise over 1 of the other 2"


def test_a_run_of_an_older_version(tmp_path: Path) -> None:
    found = read_comparison(
        [make_run(tmp_path, "old", [80]), make_run(tmp_path, "new", [82], right=range(82))]
    )
    assert found.entrants[0].interval == (pytest.approx(71.11, abs=0.01), pytest.approx(86.66, abs=0.01))
    assert found.tests[0] is not None
    assert found.tests[0].why == "old has no validation.csv yet, or an older version made it"


def test_other_classes_of_the_same_images(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, name, [80], right=range(80)) for name in ("a", "b")]
    changed = [one._replace(label="lynx") if one.label == "cat" else one for one in judged(range(80))]
    write_judged(runs[1].validation, changed)
    test = read_comparison(runs).tests[1]
    assert test is not None
    assert (test.method, test.why) == ("intervals", "some of their validation images have different labels")


def test_damaged_files_leave_the_rest(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, name, [80], right=range(80)) for name in ("a", "b", "c")]
    runs[1].validation.write_text("nonsense")
    runs[2].recipe.write_text("= nonsense")
    found = read_comparison(runs)
    assert found.tests[1] is not None
    assert "is not a list of validation predictions" in found.tests[1].why
    assert found.entrants[2].recipe == {}
    assert found.differences == ()


def test_no_epoch_yet(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "a", []), make_run(tmp_path, "b", [])]
    found = read_comparison(runs)
    assert found.best is None
    assert sentence(found, 0) == "no epoch of these runs has ended yet, so there is nothing to compare"
    assert short(found, 1) == "no epoch yet"
    found = read_comparison([runs[0], make_run(tmp_path, "c", [70])])
    assert sentence(found, 0) == "can't be compared with c: none of its epochs has ended"
    assert grounds(found) == []


@pytest.mark.parametrize("number", [0, 1, 13])
def test_too_few_and_too_many(number: int) -> None:
    with pytest.raises(UserError, match=f"2 to 12 runs can be compared, not {number}"):
        compare([None] * number)  # type: ignore[list-item]


def test_what_was_changed_while_it_ran_is_a_difference(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, name, [70, 80], right=range(80)) for name in ("a", "b")]
    with runs[1].journal.open("ab") as file:
        event = SettingChanged(key="optim.lr", old="0.0005", new="0.0001", epoch=2, step=3)
        file.write(encode_line(msgspec.structs.replace(event, seq=99, t=1.0)))
    (difference,) = read_comparison(runs).differences
    assert difference.values == ("0.0005", "0.0005, 0.0001 from epoch 2")


def test_a_run_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a", [70], right=range(70))
    reader = RunReader(run)
    first = reader.read()
    assert reader.read() is first
    write_judged(run.validation, judged(range(71)))
    second = reader.read()
    assert second is not first
    assert sum(answer.right for answer in second.answers.values()) == 71


@pytest.fixture
def hostile(tmp_path: Path) -> Comparison:
    runs = [make_run(tmp_path, name, [60, 80], right=range(80)) for name in ("a", "b")]
    evil = tmp_path / "=1+1|[x](y)\x1b[2J"
    runs[1].path.rename(evil)
    return read_comparison([runs[0], RunDir(evil)])


def test_csv(hostile: Comparison) -> None:
    lines = as_csv(hostile).splitlines()
    assert lines[0].split(",")[:3] == ["run", "epoch", "lr"]
    assert len(lines) == 5
    assert lines[2] == "a,2,0.0005,83.0,0.6666666666666667,80.0,,,0.86667,60.0"
    assert lines[3].startswith("'=1+1")


def test_markdown(hostile: Comparison) -> None:
    text = as_markdown(hostile)
    assert "\x1b" not in text
    assert r"=1+1\|\[x\](y)\\x1b\[2J" in text
    assert "| a | 80.00 % | 71.12 to 86.66 % | 2 | 2 of 2 | 0.86667 | 120 s | best |" in text
    assert "within noise, p 1.0000 |" in text
    assert "McNemar's exact test" in text
    assert text.endswith("None.\n")


def test_json(hostile: Comparison) -> None:
    content = json.loads(as_json(hostile))
    assert list(content) == ["runs", "best", "alpha", "differences"]
    assert content["best"] == 0
    run = content["runs"][1]
    assert list(run) == [
        "name", "path", "state", "model", "data", "epochs", "planned_epochs", "monitor", "best_epoch", "val_acc",
        "val_acc_low", "val_acc_high", "val_images", "val_loss", "train_acc", "seconds", "against_best", "test_acc",
        "test_acc_low", "test_acc_high", "test_macro_f1", "test_images", "test_against_best",
    ]  # fmt: skip
    assert run["val_images"] == IMAGES
    assert run["against_best"] == {
        "method": "images", "differs": False, "images": IMAGES, "best_only": 0, "other_only": 0, "p": 1.0,
        "p_corrected": 1.0, "why": None,
    }  # fmt: skip
    assert content["runs"][0]["against_best"] is None


def on_test(*images: range | None, folders: tuple[str, ...] = ("/t",) * 9) -> list[dict[str, object]]:
    """Return what ``make_run`` is given for a run with each of these right test images."""
    return [{"test": right, "test_folder": folder} for right, folder in zip(images, folders, strict=False)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (on_test(None, None), ""),
        (
            on_test(range(90), range(60)),
            "On the test set, worse than a by more than noise: of the 100 labelled test images that one alone has 30 "
            "right, this one alone 0; McNemar p < 0.0001",
        ),
        (
            on_test(range(60), range(90)),
            "On the test set, better than a by more than noise: of the 100 labelled",
        ),
        (
            on_test(range(60), range(61)),
            "On the test set, within noise of a: of the 100 labelled test images that one",
        ),
        (on_test(range(60), None), "Not compared on test images: b has no score on test images"),
        (on_test(None, range(60)), "Not compared on test images: a has no score on test images"),
        (
            on_test(range(90), range(60), folders=("/t", "/u")),
            "On the test set, worse than a: their 95 % intervals are apart; not compared image by image: they have "
            "different test images (0 in common of 100 and 100)",
        ),
    ],
)
def test_on_the_test_set(tmp_path: Path, made: list[dict[str, Any]], said: str) -> None:
    runs = [
        make_run(tmp_path, name, [accuracy], right=range(accuracy), **test)
        for name, accuracy, test in zip("ab", (90, 80), made, strict=True)
    ]
    found = read_comparison(runs)
    before, _, after = sentence(found, 1).partition(". ")
    assert before.startswith("worse than a by more than noise: of the 100 validation images")
    assert after.startswith(said) if said else not after
    assert found.scored is bool(said)
    assert any("labelled test images" in ground for ground in grounds(found)) is said.startswith(
        "On the test set"
    )


def test_tables_with_a_test_set(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "a", [90], right=range(90), test=range(75)),
        make_run(tmp_path, "b", [80], right=range(80)),
    ]
    found = read_comparison(runs)
    text = as_markdown(found)
    assert (
        "| run | val. accuracy | 95 % interval | test accuracy | 95 % interval | macro F1 | images | best epoch"
        in text
    )
    assert "| a | 90.00 % | 82.56 to 94.48 % | 75.00 % | 65.70 to 82.45 % | " in text
    content = json.loads(as_json(found))["runs"]
    assert (content[0]["test_acc"], content[0]["test_images"], content[0]["test_against_best"]) == (
        75.0,
        100,
        None,
    )
    assert {content[1][key] for key in content[1] if key.startswith("test_")} == {None}
    assert content[0]["test_macro_f1"] == pytest.approx(found.entrants[0].test.macro_f1)  # type: ignore[union-attr]


def test_answers_of_another_prediction_are_not_used(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, name, [90], right=range(90), test=range(75)) for name in "ab"]
    write_judged(runs[1].tested, judged(range(80), "/data/test"))
    test = read_comparison(runs).test_tests[1]
    assert test is not None
    assert (test.method, test.differs) == ("intervals", False)
    assert "test.csv is of another prediction" in test.why
