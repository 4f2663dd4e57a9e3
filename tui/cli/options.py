"""The options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tui.theme_names import ThemeName

DEFAULT_RUNS = Path("runs")

Runs = Annotated[Path, Parameter(help="Folder that holds the runs.")]
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
        help="Folder that the run's data were moved to: the new data.train, data.val and data.test.",
        show_default=False,
    ),
]
Run = Annotated[str, Parameter(help="Name of a run, or its path.")]
NewestRun = Annotated[str | None, Parameter(help="Name of a run, or its path. Left out: the newest.")]
Device = Literal["auto", "cpu", "cuda", "mps"]
Which = Literal["best", "last"]
