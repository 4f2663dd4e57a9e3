"""What goes wrong on the user's side of the line, as opposed to a defect of ours."""


class UserError(Exception):
    """Bad usage or bad input: its text is one line that names the thing at fault and the remedy.

    The command line prints it to stderr and leaves with exit code 2; the engine, once a run has begun,
    writes it into the journal as the reason of the end.
    """
