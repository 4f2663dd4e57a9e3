"""The user's labels of a run, tags and a note, in ``labels.toml`` in the run's folder."""

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
    """The tags and the note of a run."""

    tags: tuple[str, ...] = ()
    """Unique, in the order given."""
    note: str = ""
    """One line, at most 2,000 characters."""


def labels_file(run: RunDir) -> Path:
    """Return the path of a run's labels, which may not exist."""
    return run.path / "labels.toml"


def check_tags(text: str) -> tuple[str, ...]:
    """Return the tags in ``text``, separated by spaces or commas. Raises UserError for an invalid tag."""
    tags = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise UserError(
                f"tag '{printable(tag, 60)}': use up to 40 letters, digits and . _ + @ / -, no other characters"
            )
    return tags


def check_note(text: str) -> str:
    """Return ``text`` as one printable line. Raises UserError if it has more than 2,000 characters."""
    note = printable(" ".join(text.split()))
    if len(note) > _LONGEST_NOTE:
        raise UserError(f"the note has {len(note):,} characters; at most {_LONGEST_NOTE:,} are allowed")
    return note


def read_labels(run: RunDir) -> Labels:
    """Return a run's labels, empty if there is no file. Raises UserError for a damaged file, and OSError."""
    path = labels_file(run)
    try:
        content = tomllib.loads(read_regular(path, _LARGEST).decode())
        tags, note = content.get("tags", []), content.get("note", "")
        if not isinstance(tags, list) or not isinstance(note, str):
            raise UserError("tags must be a list of words, and note a text")
        return Labels(check_tags(" ".join(map(str, tags))), check_note(note))
    except FileNotFoundError:
        return Labels()
    # Of tomllib: ValueError also for an integer with too many digits, RecursionError for nesting too deep.
    except (ValueError, RecursionError, UserError, UnfitFileError) as error:
        raise UserError(
            f"{printable(str(path))} can't be read: {printable(str(error), 120)}; fix or remove it"
        ) from None


def write_labels(run: RunDir, labels: Labels) -> None:
    """Save ``labels``; empty labels remove the file. Raises OSError."""
    path = labels_file(run)
    if labels == Labels():
        path.unlink(missing_ok=True)
        return
    replace_file(path, tomli_w.dumps({"tags": list(labels.tags), "note": labels.note}).encode())
