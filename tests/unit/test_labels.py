"""Tags and note of a run: kept, read back, refused where they can't be."""

from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.run.directory import RunDir
from engine.run.labels import Labels, check_note, check_tags, labels_file, read_labels, write_labels


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "a", "m", "")


def test_kept_and_read_back(run: RunDir) -> None:
    labels = Labels(("final", "größe/224"), 'it said "no" \\ twice')
    write_labels(run, labels)
    assert read_labels(run) == labels


def test_none_leave_no_file(run: RunDir) -> None:
    assert read_labels(run) == Labels()
    write_labels(run, Labels(("x",)))
    write_labels(run, Labels())
    assert not labels_file(run).exists()


def test_tags_are_parted_by_spaces_and_commas_and_none_is_there_twice() -> None:
    assert check_tags(" b, a  b,,c ") == ("b", "a", "c")


@pytest.mark.parametrize("tag", ["a:b", "a>1", "x" * 41, "a\x1b[0m"])
def test_what_is_no_tag(tag: str) -> None:
    with pytest.raises(UserError, match="use up to 40 letters"):
        check_tags(tag)


def test_a_note_is_one_line_that_steers_no_terminal() -> None:
    assert check_note("  two\nlines \t here ") == "two lines here"
    assert "\x1b" not in check_note("\x1b[31mred")
    with pytest.raises(UserError, match="2,001 characters"):
        check_note("x" * 2001)


@pytest.mark.parametrize("content", ["tags = [", "tags = 3", "note = []", 'tags = ["a:b"]', "\xff"])
def test_a_damaged_file_is_named(run: RunDir, content: str) -> None:
    labels_file(run).write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"labels.toml can't be read: .*; fix or remove it"):
        read_labels(run)
