"""``python -m engine.tools.doctor``: print one JSON line with what torch and timm report about this machine."""

import sys
from importlib.util import find_spec
from typing import Any

from engine.core.offline import keep_offline
from engine.recipe.weights_source import PACKAGE
from engine.tools.helper import run, say


def facts() -> dict[str, Any]:
    """Return versions, devices and whether the weights package is installed; ``error`` if torch or timm is broken."""
    keep_offline()
    found: dict[str, Any] = {"weights_package": find_spec(PACKAGE) is not None}
    try:
        import timm
        import torch
    except Exception as error:  # a broken installation can raise any exception, and each must be reported
        return found | {
            "error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
        }
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return found | {
        "torch": torch.__version__,
        "timm": timm.__version__,
        "threads": torch.get_num_threads(),
        "cuda_build": torch.version.cuda,
        "gpus": gpus if torch.cuda.is_available() else [],
        "mps": torch.backends.mps.is_available(),
    }


if __name__ == "__main__":
    sys.exit(run(lambda: say(facts())))
