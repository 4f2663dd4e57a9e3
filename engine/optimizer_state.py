"""AdamW's state from a checkpoint, put back only where it is that of this model."""

from collections.abc import Mapping

import torch

_ADAMW = ("step", "exp_avg", "exp_avg_sq")


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what ``engine.checkpoint.optimizer_tensors`` took, in each parameter's own memory layout.

    The layout matters for exactness: kernels round alike only on alike strides. Raises ValueError for the state of
    another model or optimiser.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        if not index.isdecimal() or int(index) >= len(parameters) or name not in _ADAMW:
            raise ValueError(f"it has {key}, which this model's optimiser has not")
        like = parameters[int(index)]
        if value.shape != (() if name == "step" else like.shape) or value.dtype is not torch.float32:
            raise ValueError(f"{key} is of another shape or type")
        if name != "step":
            value = torch.empty_like(like, dtype=value.dtype).copy_(value)
        states.setdefault(int(index), {})[name] = value
    lacking = [str(index) for index, state in states.items() if len(state) < len(_ADAMW)]
    if lacking:
        raise ValueError(f"the state of weight {lacking[0]} isn't whole")
    table = optimizer.state_dict()
    table["state"] = states
    optimizer.load_state_dict(table)
