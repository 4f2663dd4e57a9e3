"""`vrdl-tui outliers`, from the shell, and what `train` asks before it touches files."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.calling import call, refusal, tree
from tests.made_data import TINY, make_pictures

AUTOENCODER = [
    word
    for one in ("epochs=2", "size=32", "percentile=80", "relax=0")
    for word in ("--set", f"outliers.{one}")
]
RUN = [word for setting in (*TINY, "train.epochs=1") for word in ("--set", setting)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three colours, a flat grey picture among the red ones, and one that can't be read."""
    root = make_pictures(tmp_path / "data", test=0)
    Image.new("RGB", (40, 40), (128, 128, 128)).save(root / "train" / "red" / "grey.png")
    (root / "train" / "blue" / "broken.png").write_bytes(b"no picture")
    return root


def train(data: Path, *more: str, cwd: Path) -> None:
    method = ["--set", "outliers.method=autoencoder", "--recipe", "quick", "--name", "r"]
    done = call("train", data, "--headless", *method, *RUN, *AUTOENCODER, *more, cwd=cwd)
    assert done.code == 0, done


def test_a_scan_changes_nothing(data: Path, tmp_path: Path) -> None:
    before = tree(data)
    shown = call("outliers", "scan", data, "--method", "autoencoder", *AUTOENCODER, cwd=tmp_path)
    assert shown.code == 0, shown
    assert "error/threshold" in shown.out
    assert "can't be read: " in shown.err
    assert "broken.png" in shown.err
    assert shown.err.endswith("by autoencoder; nothing was changed\n")
    assert tree(data) == before


def test_a_scan_as_json_and_csv(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "found.csv"
    scan = ("outliers", "scan", data, "--method", "autoencoder", *AUTOENCODER)
    answer = call(*scan, "--json", "--csv", target, cwd=tmp_path)
    found = json.loads(answer.out)
    assert (found["method"], found["images"], len(found["bad_images"])) == ("autoencoder", 28, 1)
    assert [one["class"] for one in found["classes"]] == ["blue", "green", "red"]
    outliers = {one["path"] for one in found["outliers"]}
    assert all(one["error"] > one["threshold"] for one in found["outliers"])
    rows = list(csv.DictReader(target.open()))
    assert len(rows) == 28
    assert {row["path"] for row in rows if row["outlier"] == "yes"} == outliers
    refused = call(*scan, "--csv", target, cwd=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "exists already" in refused.err


def test_the_pretrained_backbone_names_a_stranger(tmp_path: Path) -> None:
    root = make_pictures(tmp_path / "data", test=0, val=0)
    shutil.rmtree(root / "val")
    shutil.copy(root / "train" / "blue" / "blue1.png", root / "train" / "red" / "stranger.png")
    answer = call("outliers", "scan", root, "--json", "--set", "data.val_size=64", cwd=tmp_path)
    assert answer.code == 0, answer
    first = json.loads(answer.out)["outliers"][0]
    assert (Path(first["path"]).name, first["looks_like"]) == ("stranger.png", "blue")


def test_bad_input(data: Path, tmp_path: Path) -> None:
    assert refusal("outliers", "scan", "absent", cwd=tmp_path) == "no such folder: absent"
    assert "--method" in refusal("outliers", "scan", data, "--method", "magic", cwd=tmp_path)
    assert "no such folder: gone" in refusal("outliers", "scan", data, "--csv", "gone/x.csv", cwd=tmp_path)
    assert "needs a pretrained model" in refusal(
        "outliers", "scan", data, "--set", "model.pretrained=false", cwd=tmp_path
    )
    assert "no run r in runs" in refusal("outliers", "list", "r", cwd=tmp_path)
    assert "no run r in runs" in refusal("outliers", "restore", "r", "--all", cwd=tmp_path)
    deletes = ("--set", "outliers.method=autoencoder", "--set", "outliers.action=delete")
    (data / "train-quarantine").write_bytes(b"")
    moves = ("--set", "outliers.method=autoencoder", "--set", "outliers.action=quarantine")
    assert "train-quarantine is a link or not a folder" in refusal("train", data, *moves, cwd=tmp_path)
    assert "add --yes to confirm it" in refusal("train", data, *deletes, cwd=tmp_path)


def test_list_and_restore(data: Path, tmp_path: Path) -> None:
    train(data, cwd=tmp_path)
    listed = json.loads(call("outliers", "list", "--json", cwd=tmp_path).out)
    assert {one["action"] for one in listed} == {"exclude"}
    shown = call("outliers", "list", "r", cwd=tmp_path).out
    assert shown.count("\n") == len(listed) + 1
    assert "which images?" in refusal("outliers", "restore", "r", cwd=tmp_path)
    assert "is not excluded" in refusal("outliers", "restore", "r", "red/none.png", cwd=tmp_path)
    one = listed[0]
    image = f"{one['class']}/{Path(one['path']).name}"
    assert call("outliers", "restore", "r", image, cwd=tmp_path).out.startswith("1 image restored")
    assert call("outliers", "restore", "r", "--all", cwd=tmp_path).code == 0
    assert "leaves no image out" in call("outliers", "list", "r", cwd=tmp_path).err
    rows = list(csv.DictReader((tmp_path / "runs/r/outliers.csv").open()))
    assert {row["action"] for row in rows} == {"restored"}


def test_quarantined_files_go_and_come_back(data: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (data / "train").rglob("*.png")}
    train(data, "--set", "outliers.action=quarantine", cwd=tmp_path)
    listed = json.loads(call("outliers", "list", "--json", cwd=tmp_path).out)
    assert listed
    for one in listed:
        assert not Path(one["path"]).exists()
        moved = Path(one["moved_to"])
        assert moved.read_bytes() == before[Path(one["path"])]
        assert moved.is_relative_to(data / "train-quarantine" / "r")
    assert call("outliers", "restore", "r", "--all", cwd=tmp_path).code == 0
    assert {path: path.read_bytes() for path in (data / "train").rglob("*.png")} == before


def test_deleted_files_are_in_a_manifest(data: Path, tmp_path: Path) -> None:
    train(data, "--set", "outliers.action=delete", "--yes", cwd=tmp_path)
    listed = json.loads(call("outliers", "list", "--json", cwd=tmp_path).out)
    assert listed
    assert not any(Path(one["path"]).exists() for one in listed)
    manifest = (tmp_path / "runs/r/deleted.jsonl").read_text()
    assert all(one["sha256"] in manifest for one in listed)
    assert "was deleted" in call("outliers", "restore", "r", "--all", cwd=tmp_path).err
