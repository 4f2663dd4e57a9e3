"""`vrdl-tui --install-completion`: apart, since what it needs to import would delay every command."""

from cyclopts.completion.install import create_install_completion_command

from tui.cli.program import make_app

install = create_install_completion_command(make_app().install_completion, add_to_startup=True)
