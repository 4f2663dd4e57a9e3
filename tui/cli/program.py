"""`vrdl-tui`: the table of its commands, and what a wrong call is answered."""

from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from engine.core.errors import UserError
from engine.core.text import nearest, printable
from tui.cli.options import DEFAULT_RUNS, Ascii, Offline, Runs, Theme

_HELP = """\
Train image classifiers, and watch and steer the run from the terminal.

A first look, in about a minute:  vrdl-tui demo
Your own pictures:                vrdl-tui train DATA
where DATA holds train/CLASS/*.jpg and, if you have them, val/CLASS/*.jpg and
test/*.jpg. Training is a process of its own: it goes on when the console is
closed or the connection drops, and vrdl-tui attach brings it back. Without a
command the console opens on the list of runs."""

_COMMANDS = (
    "demo", "train", "attach", "runs", "resume", "send", "predict", "compare",
    "ablate", "outliers", "models", "cache", "doctor",
)  # fmt: skip


def _version() -> str:
    from engine import __version__

    return __version__


def _console(
    *, runs: Runs = DEFAULT_RUNS, ascii: Ascii = False, theme: Theme = None, offline: Offline = False
) -> int:
    from engine.core.offline import forbid_network
    from tui.cli.console import open_console

    if offline:
        forbid_network()
    return open_console(runs, None, ascii=ascii, theme=theme)


def make_app() -> App:
    """Return the command line; a command's own module is imported when the command is given."""
    app = App(
        name="vrdl-tui",
        help=_HELP,
        help_format="plaintext",
        version=_version,
        default_parameter=Parameter(negative=(), show_env_var=False),
        result_action="return_value",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    app.default(_console)
    for order, name in enumerate(_COMMANDS):
        app.command(f"tui.cli.{name}:{name}", name=name, sort_key=order)
    app.command(
        "tui.cli.completion:install",
        name="--install-completion",
        help="Install completion of commands and options in your shell.",
        sort_key=len(_COMMANDS),
    )
    return app


def run(arguments: Sequence[str]) -> int:
    """Do what ``arguments`` ask and return the exit code. Raises UserError (a wrong call too) and OSError."""
    app = make_app()
    if arguments and arguments[0] in app.help_flags:
        app.resolved_commands()  # their own first lines are their entries in the table
    elif [*arguments[:1]] == ["outliers"] and set(arguments[1:2]) <= set(app.help_flags):
        from tui.cli.outliers import outliers

        outliers.resolved_commands()
    try:
        result = app(list(arguments))
    except CycloptsError as error:
        raise UserError(_explain(error)) from None
    return result if isinstance(result, int) else 0


def _explain(error: CycloptsError) -> str:
    chain = error.command_chain or ()
    if not chain and error.unused_tokens:
        word = error.unused_tokens[0]
        close = nearest(word, _COMMANDS, 1)
        hint = f"did you mean {close[0]}?" if close else f"the commands are {', '.join(_COMMANDS)}"
        return f"no command '{printable(word, 80)}'; {hint}"
    return f"{printable(' '.join(str(error).split()))} See: {' '.join(('vrdl-tui', *chain))} --help"
