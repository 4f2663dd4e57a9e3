"""What every event of a run's journal has: its kind, its place, its time."""

import re
from typing import Annotated

import msgspec

Time = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Seconds since the Unix epoch, up to the year 5138: more a calendar can't tell."""


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_snake):
    """The envelope of every event: its place in the journal (``seq``, from 1) and its time."""

    seq: int = 0
    t: Time = 0.0
