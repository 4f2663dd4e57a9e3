"""Whether a model takes the sizes of a recipe, asked before a run's folder exists."""

from collections.abc import Callable, Sequence
from typing import Any

from engine.core.errors import UserError
from engine.core.text import printable
from engine.recipe.model_sizes import PRETRAINED, Answer, Own, is_plain, keep, question, read_known
from engine.recipe.recipe import Recipe, given_keys
from engine.recipe.sections import Model
from engine.recipe.weights_source import is_published, weights_source
from tui.helper import HelperError, run_helper

_HELPER = "engine.tools.try_model"
_DEFAULT_MODEL = Model().name
"""The model whose own sizes the recipe's defaults are."""


def fit_sizes(recipe: Recipe, source: str, settings: Sequence[str], note: Callable[[str], object]) -> Recipe:
    """Return ``recipe`` with the model's own sizes where none are given. Raises UserError for sizes it doesn't take.

    A preset's sizes are those of its model: they hold for another one only if that takes any size. What timm says of a
    model is asked once, which takes some seconds, and kept.
    """
    recipe = _follow(recipe, source, settings, note)
    name, data = recipe.model.name, recipe.data
    if is_plain(name, data):
        return recipe
    published = is_published(weights_source(recipe.model))
    asked, known = question(name, data, pretrained=published), read_known()
    answer = known.answers.get(asked)
    if answer is None:
        sizes = [str(number) for number in (data.train_size, data.val_size, data.batch_size)]
        try:
            run_helper(
                _HELPER, [name, "--sizes", *sizes, *(["--pretrained"] if published else [])], lambda _: None
            )
            answer = Answer("")
        except UserError as error:
            answer = Answer(str(error))
        except HelperError as error:
            note(f"whether {printable(name, 80)} takes these images couldn't be tried: {error}")
            return recipe
        # What a hub or a folder says today it may say otherwise tomorrow.
        if ":" not in name:
            known.answers[asked] = answer
            keep(known)
    if answer.refusal:
        raise UserError(answer.refusal)
    return recipe


def _follow(recipe: Recipe, source: str, settings: Sequence[str], note: Callable[[str], object]) -> Recipe:
    name = recipe.model.name
    given, typed = given_keys(source, settings)
    from engine.recipe.recipe import preset_names

    preset = source in preset_names()
    if name == _DEFAULT_MODEL or (preset and "model.name" not in typed):
        return recipe
    if preset and not is_plain(name, recipe.data):
        given = set()
    missing = [key.removeprefix("data.") for key in PRETRAINED if key not in given | typed]
    if not missing:
        return recipe
    known = read_known()
    own = known.sizes.get(name)
    if own is None:
        said: dict[str, Any] = {}
        try:
            run_helper(_HELPER, [name], said.update)
        except HelperError as error:
            note(f"the sizes of {printable(name, 80)} couldn't be asked: {error}")
            return recipe
        own = known.sizes[name] = Own(int(said["train_size"]), int(said["val_size"]))
        if ":" not in name:
            keep(known)
    # A size that is given holds for the other one too, as most models of a fixed size take only one.
    alone = len(missing) == 1 and (
        recipe.data.val_size if missing == ["train_size"] else recipe.data.train_size
    )
    sizes = {key: alone or getattr(own, key) for key in missing}
    reason = "the size that is given" if alone else f"as {printable(name, 80)} was trained"
    words = ", ".join(f"data.{key} = {size}" for key, size in sizes.items())
    note(f"{words} px, {reason}; another with --set")
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=sizes)})
