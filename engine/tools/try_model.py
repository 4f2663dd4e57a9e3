"""``python -m engine.tools.try_model NAME``: whether a model takes a recipe's sizes of image, and its own sizes.

With ``--sizes TRAIN VAL BATCH``, prints ``{"args": {…}}`` for a model that takes them (``--pretrained``: and whose
published weights do), and exits with 2 and the reason for another. Without, prints ``{"train_size": …,
"val_size": …}``,
the sizes of its pretrained configuration.
"""

import argparse
import sys

from engine.core.errors import UserError, first_line, is_out_of_memory
from engine.core.offline import keep_offline
from engine.core.text import printable
from engine.recipe.weights_source import go_offline_if_unreachable
from engine.tools.helper import run, say


def main() -> None:
    """Answer the question on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.try_model")
    parser.add_argument("name")
    parser.add_argument("--sizes", type=int, nargs=3, metavar=("TRAIN", "VAL", "BATCH"))
    parser.add_argument("--pretrained", action="store_true", help="its published weights must fit")
    arguments = parser.parse_args()
    keep_offline()
    if arguments.name.startswith(("hf-hub:", "hf_hub:")):
        go_offline_if_unreachable()
    from engine.model.sizes import own_sizes, try_model

    try:
        if arguments.sizes:
            say({"args": try_model(arguments.name, *arguments.sizes, pretrained=arguments.pretrained)})
        else:
            train_size, val_size = own_sizes(arguments.name)
            say({"train_size": train_size, "val_size": val_size})
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reason = printable(first_line(error), 200)
        raise UserError(f"timm can't build {printable(arguments.name, 80)}: {reason}") from error


if __name__ == "__main__":
    sys.exit(run(main))
