"""What a person wrote about a run: its tags and its note, in ``labels.toml`` of the run's folder."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from engine.core.errors import UserError
from engine.core.files import UnfitFileError, read_regular, replace_file
from engine.core.text import printable
from engine.run.directory import RunDir

_TAG = re.compile(r"[\w.+@/-]{1,40}")
_LONGEST_NOTE = 2000
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Labels:
    tags: tuple[str, ...] = ()
    """In the order in which they were given, none twice."""
    note: str = ""
    """One line, at most 2,000 characters."""


def labels_file(run: RunDir) -> Path:
    return run.path / "labels.toml"


def check_tags(text: str) -> tuple[str, ...]:
    """Return the tags of ``text``, parted by spaces or commas. Raises UserError for one that can't be a tag."""
    tags = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise UserError(
                f"tag '{printable(tag, 60)}': use up to 40 letters, digits and . _ + @ / -, no other characters"
            )
    return tags


def check_note(text: str) -> str:
    """Return ``text`` as one line without control characters. Raises UserError for more than 2,000 characters."""
    note = printable(" ".join(text.split()))
    if len(note) > _LONGEST_NOTE:
        raise UserError(f"the note has {len(note):,} characters; at most {_LONGEST_NOTE:,} are kept")
    return note


def read_labels(run: RunDir) -> Labels:
    """Return a run's labels, empty ones where there is no file. Raises UserError for a damaged file, OSError."""
    path = labels_file(run)
    try:
        content = tomllib.loads(read_regular(path, _LARGEST).decode())
        tags, note = content.get("tags", []), content.get("note", "")
        if not isinstance(tags, list) or not isinstance(note, str):
            raise UserError("tags is a list of words, note is text")
        return Labels(check_tags(" ".join(map(str, tags))), check_note(note))
    except FileNotFoundError:
        return Labels()
    except (
        ValueError,
        RecursionError,
        UserError,
        UnfitFileError,
    ) as error:  # of TOML: a number of too many digits, too deep nesting
        raise UserError(
            f"{printable(str(path))} can't be read: {printable(str(error), 120)}; mend or remove it"
        ) from None


def write_labels(run: RunDir, labels: Labels) -> None:
    """Keep ``labels``; empty ones leave no file. Raises OSError."""
    path = labels_file(run)
    if labels == Labels():
        path.unlink(missing_ok=True)
        return
    replace_file(path, tomli_w.dumps({"tags": list(labels.tags), "note": labels.note}).encode())
