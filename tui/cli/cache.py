"""`vrdl-tui cache`."""

from typing import Annotated

from cyclopts import Parameter


def cache(
    *,
    clear: Annotated[bool, Parameter(help="Remove it. What a living run uses stays.")] = False,
) -> int:
    """Show, or remove, the decoded images that runs keep on disk.

    A data set that doesn't fit in memory is decoded once and kept in the user's
    cache folder for later epochs and runs, 20 GB at most; the longest unused goes
    first. Removing it loses nothing but the time to decode the images again.
    """
    from engine.core.cachedir import DISK_LIMIT, cache_files, cache_folder, remove_unused
    from engine.core.errors import UserError
    from tui.cli.naming import shown_path

    folder = cache_folder()
    files = cache_files(folder)
    if clear:
        try:
            removed, kept = remove_unused(files, float("inf"))
        except OSError as error:
            raise UserError(f"{shown_path(folder)} can't be emptied: {error.strerror}") from None
        used = f"; {_size(kept)} in use by a living run stays" if kept else ""
        print(f"removed {_size(removed)} from {shown_path(folder)}{used}")
        return 0
    total = sum(file.size for file in files)
    print(f"{_size(total)} of at most {_size(DISK_LIMIT)} in {shown_path(folder)}")
    return 0


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.1f} MB"
