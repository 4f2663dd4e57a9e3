"""``python -m engine.tools.timm_table FILE [ARCHITECTURE…]``: write the table of timm's models with parameter counts.

Counts the parameters of the given architectures, by default of all; with ``--names``, of none. The content of an
existing table is kept. Prints JSON lines: ``{"names": n}`` once the names are written, ``{"done": n, "total": m}`` for
progress, ``{"written": n}`` each time counts are written.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import UserError
from engine.core.offline import keep_offline
from engine.recipe.timm_catalogue import ModelFact, Table, read_table, timm_version, write_table
from engine.tools.helper import run, say

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

_CLASSES = 1000
_BETWEEN_WRITES = 2.0


def main() -> None:
    """Write the table requested on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.timm_table")
    parser.add_argument("file", type=Path)
    parser.add_argument("architectures", nargs="*")
    parser.add_argument("--names", action="store_true")
    arguments = parser.parse_args()
    keep_offline()
    # Takes minutes of CPU time, which a running training needs more.
    os.nice(10)
    table = read_table(arguments.file) or _names(arguments.file)
    say({"names": len(table.models)})
    if not arguments.names:
        _count(arguments.file, table, set(arguments.architectures))


def _names(path: Path) -> Table:
    """Write and return the table without parameter counts."""
    if not timm_version():
        raise UserError("timm isn't installed; pip install timm")
    import timm

    models = []
    published = set()
    for name in timm.list_pretrained():
        config = timm.models.get_pretrained_cfg(name)
        if config is None:
            continue
        published.add(name.partition(".")[0])
        url = config.url if isinstance(config.url, str) else ""
        file = config.hf_hub_filename or "" if config.hf_hub_id else url.rpartition("/")[2]
        models.append(
            ModelFact(
                name, config.input_size[-1], config.num_classes or 0, _licence(config.license),
                config.hf_hub_id or "", file, True, *_sizes(config),
            )
        )  # fmt: skip
    for name in timm.list_models():
        if name not in published:
            config = timm.models.get_pretrained_cfg(name)
            size = config.input_size[-1] if config is not None else 0
            facts = _sizes(config) if config is not None else (0, False)
            models.append(ModelFact(name, size, 0, "", "", "", False, *facts))
    table = Table(timm_version(), sorted(models, key=lambda model: model.name), {}, [])
    write_table(path, table)
    return table


def _sizes(config: "PretrainedCfg") -> tuple[int, bool]:
    """Return the side of the images that a model is validated on, px, 0 if as in training, and whether it is fixed."""
    fixed = bool(config.fixed_input_size)
    return (config.test_input_size[-1] if config.test_input_size and not fixed else 0), fixed


def _licence(name: str | None) -> str:
    return "" if name in (None, "unknown") else str(name)


def _count(path: Path, table: Table, wanted: set[str]) -> None:
    missing = [name for name in table.uncounted if not wanted or name in wanted]
    if not missing:
        return
    import timm
    import torch

    parameters, failed = dict(table.parameters), list(table.failed)
    written = time.monotonic()
    for number, name in enumerate(missing, 1):
        try:
            # The meta device allocates no memory for weights.
            with torch.device("meta"):
                module = timm.create_model(name, pretrained=False, num_classes=_CLASSES)
            parameters[name] = sum(weight.numel() for weight in module.parameters())
        except Exception:  # of any type: some initialisations fail on the meta device
            failed.append(name)
        say({"done": number, "total": len(missing)})
        if number == len(missing) or time.monotonic() - written > _BETWEEN_WRITES:
            write_table(path, Table(table.timm, table.models, parameters, failed))
            written = time.monotonic()
            say({"written": len(parameters)})


if __name__ == "__main__":
    sys.exit(run(main))
