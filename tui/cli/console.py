"""Open the console, and say how things stand once it is closed."""

from pathlib import Path

from engine.core.errors import UserError
from engine.run.directory import RunDir
from tui.cli.terminal import is_terminal, locale_is_utf8
from tui.theme_names import ThemeName


def open_console(
    runs: Path,
    run: RunDir | None,
    *,
    ascii: bool,
    theme: ThemeName | None = None,
    replay: float | None = None,
) -> int:
    """Show ``run``, or the list of runs, until the user leaves; return the exit code.

    Raises UserError off a terminal.
    ``theme`` is remembered; ``replay`` plays the run back, that many times as fast as it was.
    """
    if not is_terminal():
        raise UserError(
            "the console needs a terminal; without one there are vrdl-tui runs, send and train --headless"
        )
    from tui.loaded import spare_memory

    spare_memory()
    from engine.run.notify import load_settings, settings_path
    from tui.app import ConsoleApp
    from tui.settings import Memory, layout_path

    settings, problem = load_settings(settings_path())
    memory = Memory(layout_path())
    memory.keep(theme=theme)
    app = ConsoleApp(
        runs=runs,
        run=run,
        ascii=ascii or not locale_is_utf8(),
        settings=settings,
        memory=memory,
        problem=problem or memory.problem,
        replay=replay,
    )
    code = app.run()
    if app.left_run is not None:
        from tui.cli.standing import standing

        print(app.glyphs.clean(standing(app.left_run)))
    # A console that broke down has no answer, but a code of its own.
    return code if code is not None else (app.return_code or 0)
