"""`vrdl-tui compare` on real run folders: the table, the files, and what it refuses."""

import json
from pathlib import Path

import pytest

from tests.cli.calling import call, refusal
from tests.made_comparisons import make_run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    make_run(runs, "plain", [60, 84], right=range(6, 90))
    make_run(runs, "mixed", [70, 90, 88], "mixup.alpha=0.5", right=range(90))
    make_run(runs, "old", [50, 61])
    return tmp_path


def test_the_table(place: Path) -> None:
    answer = call("compare", "plain", "mixed", "old", cwd=place)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].split("  ")[0] == "run"
    assert " ".join(lines[1].split()) == "plain 84.00 % 75.58 to 89.90 % 2 2/2 0.80000 2:00 worse, p 0.0312"
    assert lines[2].split()[-1] == "best"
    assert lines[3].rstrip().endswith("intervals apart")
    assert (
        "plain: worse than mixed by more than noise: of the 100 validation images that one alone"
        in answer.out
    )
    assert "not compared image by image: old has no validation.csv yet" in answer.out
    assert any(line.split() == ["mixup.alpha", "0.0", "0.5", "0.0"] for line in lines)


def test_the_files(place: Path) -> None:
    files = ("--png", "c.png", "--csv", "c.csv", "--markdown", "c.md")
    answer = call("compare", "plain", place / "runs/mixed", *files, "--json", cwd=place)
    assert answer.code == 0, answer.err
    assert [run["name"] for run in json.loads(answer.out)["runs"]] == ["plain", "mixed"]
    assert answer.err == "written: c.png\nwritten: c.csv\nwritten: c.md\n"
    assert (place / "c.png").read_bytes().startswith(b"\x89PNG")
    assert (place / "c.csv").read_text().count("\n") == 6
    assert "| `mixup.alpha` | 0.0 | 0.5 |" in (place / "c.md").read_text()
    message = refusal("compare", "plain", "mixed", "--png", "c.png", cwd=place)
    assert message == "c.png exists already; name another file"


def test_what_is_refused(place: Path) -> None:
    for arguments, words in (
        ((), "which runs? vrdl-tui compare RUN RUN"),
        (("plain",), "2 to 12 runs can be compared, not 1"),
        (("plain", "runs/plain"), "run runs/plain is named twice"),
        (("plain", "ghost"), "no run ghost in runs"),
        (("plain", "old", "--csv", "x/c.csv"), "no such folder: x"),
        (("plain", "old", "--csv", "c", "--markdown", "./c"), "c is named twice"),
    ):
        assert words in refusal("compare", *arguments, cwd=place)
