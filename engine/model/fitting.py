"""Fit the tensors of a weights file to a timm model: which of its state dicts, under which names.

Trainers save a model under names of their own: inside wrappers (``module.``, ``_orig_mod.``), as a part of a larger
module (``model.``, ``backbone.``), beside its moving average, beside training aids. What fits is found by the names and
shapes of the model's own tensors, so no list of such names is needed.
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import timm
import torch
from torch import nn

from engine.core.errors import UserError, is_out_of_memory
from engine.core.text import printable
from engine.model.weights_file import Tensors, WeightsFile

_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

_WRAPPERS = frozenset(("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"))
"""Parts that PyTorch puts anywhere into names: torch.compile, FSDP, activation checkpointing."""
_AIDS = re.compile(
    r"^(aux|classif|cls_head|decoder|fc|head|last_linear|linear|logits|mask_token|pre_logits|predict|proj|queue)"
    r"|(^|\.)(num_batches_tracked|relative_position_index|attn_mask|n_averaged|total_ops|total_params)$",
    re.IGNORECASE,
)
"""Heads by other names and aids of training, which a model without them does not need; no layer of a backbone."""
_AVERAGES = ("ema", "averaged", "teacher")
"""Words in the names of weights that are preferred to others that fit as well, in this order."""
_PARTS = 6
"""Parts of a name, from its start, that may be a prefix."""
_MOST_PREFIXES = 6
_SEARCHED = 12
"""Models of a family, those of the most similar names, that are compared with a file that doesn't fit."""
_SEARCH_SECONDS = 8.0


def misfit(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], *, exact: bool) -> str:
    """Return why the tensors ``given`` can't replace a model's ``own``, "" if they can.

    With ``exact``, extra tensors are an error and types must be equal. Otherwise floating-point tensors may differ in
    width, and extra tensors are ignored. Values are checked only if all names, shapes and types match.
    """
    return _in_words(_differences(own, given, exact=exact)) or _unreal_in_both(own, given)


def unreal(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return which tensor holds NaN or infinity, "" if none does."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            return f"{name} holds NaN or infinity"
    return ""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Tensors under a model's own names, all but its head's."""

    tensors: Tensors
    said: str
    """What was chosen and changed on the way, one line; "": nothing."""


def fit(module: nn.Module, name: str, file: WeightsFile) -> Fitted:
    """Return the tensors of ``file`` that replace the backbone of ``module``, the timm model ``name``.

    Of several state dicts that fit, a moving average is taken before the trained weights, else the first. Prefixes and
    the names of original checkpoints are converted, position embeddings interpolated, as timm does it. Raises UserError
    if a tensor is missing or of another shape or type, if one holds NaN or infinity, or if the file has more layers
    than the model.
    """
    target = _Target.of(module)
    fitting: list[_Trial] = []
    best: _Trial | None = None
    for entry in sorted(file.states, key=_preference):
        trial = _best_trial(target, entry, file.states[entry])
        if not trial.wrong:
            fitting.append(trial)
        elif best is None or trial.count < best.count:
            best = trial
    shown = printable(str(file.path))
    if not fitting:
        assert best is not None
        problem = _in_words(best.wrong)
        raise UserError(
            f"model.weights: {shown} doesn't fit the model: {printable(problem, 300)}; "
            f"{_which_model(best, name, file)}give the weights of {printable(name)}"
        )
    chosen = fitting[0]
    if problem := _unreal_in_both(target.backbone, chosen.tensors):
        raise UserError(
            f"model.weights: {shown} doesn't fit the model: {printable(problem, 200)}; "
            f"give the weights of {printable(name)}"
        )
    tensors = {own: chosen.tensors[own] for own in target.backbone if own in chosen.tensors}
    others = [trial.entry for trial in fitting[1:]]
    said = "; ".join(_changes(chosen, file, others))
    return Fitted(tensors, f"model.weights: {shown}: {said}" if said else "")


@dataclass(frozen=True, slots=True)
class _Target:
    module: nn.Module
    all: Tensors
    backbone: Tensors
    """All but the head."""
    heads: tuple[str, ...]

    @staticmethod
    def of(module: nn.Module) -> "_Target":
        heads = _head_prefixes(module)
        own = module.state_dict()
        backbone = {name: value for name, value in own.items() if not name.startswith(heads)}
        return _Target(module, own, backbone, heads)


Difference = tuple[str, list[str]]
"""What is wrong with tensors, as words that follow their number, and their names."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """One reading of a state dict, and how it fits."""

    entry: str
    prefix: str
    converted: bool
    """Whether timm's filter has converted it."""
    tensors: Tensors
    wrong: tuple[Difference, ...]
    needless: tuple[str, ...]
    """Names of tensors that the model doesn't have and doesn't need."""
    outside: tuple[str, ...]
    """Names without the prefix."""

    @property
    def count(self) -> int:
        return sum(len(names) for _, names in self.wrong)


def _best_trial(target: _Target, entry: str, tensors: Tensors) -> _Trial:
    """Return the first reading that fits, else the one that fits best."""
    best: _Trial | None = None
    for trial in _trials(target, entry, _unwrapped(tensors)):
        if best is None or trial.count < best.count:
            best = trial
        if not trial.wrong:
            break
    assert best is not None
    return best


def _trials(target: _Target, entry: str, tensors: Tensors) -> Iterator[_Trial]:
    for prefix in _prefixes(target.all, tensors):
        inside = {
            name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)
        }
        outside = tuple(name for name in tensors if not name.startswith(prefix))
        yield _judged(target, entry, prefix, inside, outside, converted=False)
        converted = _converted(target.module, inside)
        if converted is not None:
            yield _judged(target, entry, prefix, converted, outside, converted=True)


def _judged(
    target: _Target, entry: str, prefix: str, tensors: Tensors, outside: tuple[str, ...], *, converted: bool
) -> _Trial:
    # Older files lack ``num_batches_tracked``, which nothing reads.
    expected = {
        name: value
        for name, value in target.backbone.items()
        if name in tensors or not name.endswith("num_batches_tracked")
    }
    wrong = _differences(expected, tensors, exact=False)
    more = [name for name in tensors if name not in target.all and not name.startswith(target.heads)]
    needless = tuple(name for name in more if _AIDS.search(name))
    beyond = [name for name in more if not _AIDS.search(name)]
    if beyond:
        wrong.append(("left over", beyond))
    return _Trial(entry, prefix, converted, tensors, tuple(wrong), needless, outside)


def _unwrapped(tensors: Tensors) -> Tensors:
    return {
        ".".join(part for part in name.split(".") if part not in _WRAPPERS): value
        for name, value in tensors.items()
    }


def _prefixes(own: Mapping[str, Any], tensors: Tensors) -> list[str]:
    """Return the prefixes of names that may be those of the wanted module, the most likely one first.

    Those after which the model's own names follow most often, and those that most names have, which an original
    checkpoint in a wrapper has before names that only timm's filter knows.
    """
    follows: Counter[str] = Counter()
    starts: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".", _PARTS)
        for number in range(min(len(parts), _PARTS)):
            prefix = "".join(f"{part}." for part in parts[:number])
            starts[prefix] += 1
            if name.removeprefix(prefix) in own:
                follows[prefix] += 1
    most = max(follows.values(), default=0)
    likely = [prefix for prefix, count in follows.items() if 2 * count >= most]
    likely.sort(key=lambda prefix: (-follows[prefix], _preference(prefix)))
    shared = [prefix for prefix, count in starts.items() if 2 * count >= len(tensors)]
    return list(dict.fromkeys([*likely[:_MOST_PREFIXES], *sorted(shared, key=len)[:_MOST_PREFIXES]]))


def _preference(name: str) -> int:
    """Return the rank of a state dict or a prefix by its name, the least first."""
    words = re.split(r"[._]", name.lower())
    return next((rank for rank, word in enumerate(_AVERAGES) if word in words), len(_AVERAGES))


def _converted(module: nn.Module, tensors: Tensors) -> Tensors | None:
    """Return the tensors of an original checkpoint, renamed and resized by timm's filter for this model family.

    None if there is no filter, or it doesn't know this file.
    """
    family: Any = sys.modules.get(type(module).__module__)
    convert: Callable[[Tensors, nn.Module], Tensors] | None = getattr(family, "checkpoint_filter_fn", None)
    if convert is None:
        return None
    try:
        converted = convert(dict(tensors), module)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return None
    return {name: value for name, value in converted.items() if isinstance(value, torch.Tensor)}


def _changes(chosen: _Trial, file: WeightsFile, others: list[str]) -> Iterator[str]:
    if others:
        also = ", ".join(printable(entry, 40) or "its top level" for entry in others[:3])
        yield f"took {printable(chosen.entry, 40) or 'its top level'}, not {also} ({_OTHERWISE})"
    parts = {part for name in file.states[chosen.entry] for part in name.split(".")}
    removed = [f"{part}." for part in sorted(_WRAPPERS & parts)]
    removed += [printable(chosen.prefix, 60)] if chosen.prefix else []
    if removed:
        yield f"removed {' and '.join(removed)} from its names"
    if chosen.outside:
        yield f"took none of {_counted(chosen.outside)} without that prefix ({_OTHERWISE})"
    if chosen.needless:
        yield f"ignored {_counted(chosen.needless)}, which the model doesn't have"


_OTHERWISE = "to use another part of it, give a file with that alone"


def _counted(names: tuple[str, ...]) -> str:
    first = printable(names[0], 80)
    return f"{len(names):,} tensors ({first} first)" if len(names) > 1 else f"1 tensor ({first})"


def _which_model(trial: _Trial, name: str, file: WeightsFile) -> str:
    """Return which model the file is of, with how to train that, "" if unknown."""
    bare = name.partition(".")[0]
    said = file.model.partition("/")[2] or file.model
    if timm.is_model(said) and said.partition(".")[0] != bare:
        shown = printable(said, 80)
        return f"it says that it is of {shown}: set model.name={shown}, or "
    if found := _search(trial, bare):
        return f"it fits {found}: set model.name={found}, or "
    return ""


def _search(trial: _Trial, name: str) -> str:
    """Return a model of the same family as ``name`` that the tensors fit, "" if none is found at once."""
    deadline = time.monotonic() + _SEARCH_SECONDS
    family = timm.models._registry._model_to_module.get(name)
    if family is None or 2 * trial.count > 3 * len(trial.tensors):
        return ""
    names = timm.list_models(module=family)
    names.sort(key=lambda other: -SequenceMatcher(None, name, other).ratio())
    for other in names[: _SEARCHED + 1]:
        if time.monotonic() > deadline:
            break
        if other == name:
            continue
        try:
            with torch.device("meta"):
                target = _Target.of(timm.create_model(other))
        except Exception:  # some models can't be built without memory
            continue
        judged = _judged(target, "", "", trial.tensors, (), converted=False)
        if not judged.wrong:
            return str(other)
    return ""


def _head_prefixes(module: nn.Module) -> tuple[str, ...]:
    config = module.pretrained_cfg
    names = config.get("classifier") if isinstance(config, dict) else None
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names or ("fc",)))


def _differences(
    own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], *, exact: bool
) -> list[Difference]:
    both = [name for name in own if name in given]
    found = [
        ("missing", [name for name in own if name not in given]),
        ("of another shape", [name for name in both if given[name].shape != own[name].shape]),
        ("of another type", [name for name in both if not _same_type(own[name], given[name], exact=exact)]),
        ("too many", [name for name in given if name not in own] if exact else []),
    ]
    return [(what, names) for what, names in found if names]


def _in_words(differences: "list[Difference] | tuple[Difference, ...]") -> str:
    parts = [
        f"{len(names)} {'tensor' if len(names) == 1 else 'tensors'} {what}" for what, names in differences
    ]
    if not parts:
        return ""
    what, names = differences[0]
    if what == "left over":
        return f"{', '.join(parts)}: {', '.join(names[:3])}{' …' * (len(names) > 3)}"
    return f"{', '.join(parts)}, {names[0]} first"


def _unreal_in_both(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    # A model's own tensors may contain infinities, as masks do.
    return next(
        (
            why
            for name in own
            if name in given and (why := unreal({name: given[name]})) and not unreal({name: own[name]})
        ),
        "",
    )


def _same_type(own: torch.Tensor, given: torch.Tensor, *, exact: bool) -> bool:
    if given.layout is not torch.strided or given.device.type != "cpu":
        return False
    return given.dtype is own.dtype or (not exact and own.dtype in _REAL and given.dtype in _REAL)
