"""The options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from engine.core.errors import UserError
from tui.theme_names import ThemeName

DEFAULT_RUNS = Path("runs")


def given_path(_: Any, tokens: Sequence[Token]) -> Path:
    """Return the path of an argument. Raises UserError for an empty one, which ``Path`` takes for this folder.

    A shell gives an empty argument for a variable that isn't set.
    """
    (token,) = tokens
    if not token.value:
        raise UserError(f"{token.keyword or 'DATA'} is empty; give a path, or . for the current folder")
    return Path(token.value)


Data = Annotated[Path, Parameter(help="Folder with train/CLASS/*.jpg, or CLASS/*.jpg.", converter=given_path)]
Runs = Annotated[Path, Parameter(help="Folder that holds the runs.", converter=given_path)]
Ascii = Annotated[
    bool,
    Parameter(
        help="Draw in plain ASCII; the default where the locale isn't UTF-8.",
        show_default=False,
    ),
]
Theme = Annotated[
    ThemeName | None,
    Parameter(help="Colours of the console, from now on; T in it goes to the next.", show_default=False),
]
Headless = Annotated[
    bool,
    Parameter(
        help="No console: print train.log's lines. Ctrl-C saves and stops the run.",
        show_default=False,
    ),
]
Detach = Annotated[
    bool, Parameter(help="Start the training in the background and return at once.", show_default=False)
]
Offline = Annotated[
    bool,
    Parameter(
        help="Forbid all network, downloads of weights too; as VRDL_TUI_OFFLINE=1 does.",
        show_default=False,
    ),
]
Moved = Annotated[
    Path | None,
    Parameter(
        converter=given_path,
        help="Folder that the run's data were moved to: the new data.train, data.val and data.test.",
        show_default=False,
    ),
]
Run = Annotated[str, Parameter(help="Name of a run, or its path.")]
NewestRun = Annotated[str | None, Parameter(help="Name of a run, or its path. Left out: the newest.")]
Device = Literal["auto", "cpu", "cuda", "mps"]
Which = Literal["best", "last"]
