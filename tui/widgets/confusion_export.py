"""The confusion matrix as files in the run's folder."""

from pathlib import Path

from engine.analysis.confusion import free_stem, write_matrix
from engine.run.directory import RunDir
from engine.run.train_state import Cells
from tui.helper import run_helper


def export_matrix(
    run: RunDir, cells: Cells, classes: list[str], epoch: int, *, of_test: bool = False
) -> tuple[Path, Path]:
    """Write a CSV file and a picture under a name that is free; return their paths. Takes seconds.

    ``of_test``: the matrix is of the test images, not of the validation images.

    Raises OSError, and what ``run_helper`` raises.
    """
    stem = free_stem(run.path, f"confusion_{'test_' if of_test else ''}epoch{epoch}", (".csv", ".png"))
    table, picture = run.path / f"{stem}.csv", run.path / f"{stem}.png"
    write_matrix(table, cells, classes)
    arguments = [
        str(table.absolute()),
        str(picture.absolute()),
        "--title",
        f"{run.name}, {'test images, ' if of_test else ''}epoch {epoch}",
    ]
    run_helper("engine.tools.confusion", arguments, lambda _fact: None)
    return table, picture
