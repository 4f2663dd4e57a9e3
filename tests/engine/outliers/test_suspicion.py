"""The score on planted digits with the real backbone, and on what a data set may be at its oddest."""

from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.planted import foreign_to_digits, plant
from engine.compute.device import Precision
from engine.data.augment.geometry import to_square
from engine.data.decode import read_image
from engine.data.images import ImageSet, as_listed
from engine.data.normalize import Normalize
from engine.model.build import build_model
from engine.model.fold import Folding
from engine.outliers.detect.embedding import Embedder
from engine.outliers.detect.suspicion import Suspicion, suspicion
from engine.recipe.sections import Data, Model
from engine.tools import demo_data

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    features: Floats
    labels: Labels
    kinds: list[str]
    came_from: list[int]
    val_features: Floats
    val_labels: Labels


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    root = tmp_path_factory.mktemp("digits")
    demo_data.write(root / "clean")
    digit = {path.read_bytes(): int(path.parent.name) for path in (root / "clean" / "train").rglob("*.png")}
    truth = plant(root / "clean", root / "planted", 0.05, 0, foreign_to_digits)
    data = as_listed(Data(train=str(root / "planted" / "train"), val=str(root / "planted" / "val")))
    built = build_model(Model(name="tf_efficientnet_lite0"), 10, 0)
    precision = Precision.choose(torch.device("cpu"), "auto")
    model = Folding(precision)(built.module.to(memory_format=torch.channels_last).eval())
    normalize = Normalize(built.mean, built.std, precision.device)

    def features(images: ImageSet) -> Floats:
        squares = [to_square(read_image(path).pixels, 64, "square") for path in images.paths]
        return Embedder(model, precision).embed(
            normalize(np.stack(squares[start : start + 64])) for start in range(0, len(squares), 64)
        )

    return Digits(
        features(data.train),
        np.array(data.train.labels),
        [truth.get(path, "") for path in data.train.paths],
        [digit.get(path.read_bytes(), -1) for path in data.train.paths],
        features(data.val),
        np.array(data.val.labels),
    )


def test_planted_outliers_come_first(digits: Digits) -> None:
    errors = suspicion(digits.features, digits.labels, 10).errors
    planted = np.array([kind != "" for kind in digits.kinds])
    assert planted.sum() == 30
    assert roc_auc_score(planted, errors) > 0.97
    assert planted[np.argsort(-errors)[:30]].mean() > 0.7


def test_a_moved_image_looks_like_the_class_it_came_from(digits: Digits) -> None:
    found = suspicion(digits.features, digits.labels, 10)
    moved = [place for place, kind in enumerate(digits.kinds) if kind == "moved"]
    right = [found.looks_like[place] == digits.came_from[place] for place in moved]
    assert sum(right) >= 0.8 * len(moved)
    clean = np.array([kind == "" for kind in digits.kinds])
    assert (found.looks_like[clean] == -1).mean() > 0.8


def test_the_same_placeholder_many_times_is_found(digits: Digits) -> None:
    clean = np.array([kind == "" for kind in digits.kinds])
    blank = digits.features[digits.kinds.index("foreign")]
    features = np.concatenate([digits.features[clean], np.repeat(blank[None], 6, axis=0)])
    errors = suspicion(features, np.append(digits.labels[clean], np.full(6, 3)), 10).errors
    assert errors[-6:].min() > np.percentile(errors[:-6], 90)


def test_images_for_validation_are_judged_as_those_for_training(digits: Digits) -> None:
    clean = np.array([kind == "" for kind in digits.kinds])
    found = suspicion(digits.features[clean], digits.labels[clean], 10)
    errors = found.of(digits.val_features, digits.val_labels)
    assert errors.shape == (200,)
    assert np.median(errors) == pytest.approx(np.median(found.errors), rel=0.15)
    # Left out of the training images, an image is at the same distances (no class's k changes with it here).
    sizes = np.bincount(digits.labels[clean])
    labels = digits.labels[clean]
    one = next(i for i, label in enumerate(labels) if isqrt(sizes[label]) == isqrt(sizes[label] - 1))
    rest = np.arange(len(labels)) != one
    alone = suspicion(digits.features[clean][rest], labels[rest], 10).of(
        digits.features[clean][[one]], labels[[one]]
    )
    assert alone[0] == pytest.approx(found.errors[one], abs=1e-5)


def test_the_order_of_the_images_is_nothing(digits: Digits) -> None:
    order = np.random.default_rng(0).permutation(len(digits.labels))
    plain = suspicion(digits.features, digits.labels, 10)
    mixed = suspicion(digits.features[order], digits.labels[order], 10)
    assert np.abs(plain.errors[order] - mixed.errors).max() < 1e-5
    again = suspicion(digits.features, digits.labels, 10)
    assert again.errors.tobytes() == plain.errors.tobytes()


def plainly(features: Floats, labels: Labels, classes: int) -> Floats:
    """The score as its definition says, image by image."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    errors = []
    for one, label in enumerate(labels):
        distances = []
        for other in range(classes):
            members = [i for i in np.flatnonzero(labels == other) if i != one]
            nearest = np.sort(1 - unit[members] @ unit[one])[: isqrt(int((labels == other).sum()))]
            distances.append(float(nearest.mean()))
        own = distances.pop(label)
        errors.append(own + max(0.0, own - min(distances)))
    return np.array(errors, np.float32)


@pytest.mark.parametrize(("count", "width"), [(90, 200), (300, 100)])
def test_it_is_the_score_that_its_words_say(count: int, width: int) -> None:
    """With more images than features, all of these are kept as long as they aren't many."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(count, width)).astype(np.float32), rng.integers(3, size=count)
    found = suspicion(features, labels, 3).errors
    assert np.abs(found - plainly(features, labels, 3)).max() < 1e-4


def test_many_features_are_reduced_without_harm() -> None:
    """Forty classes in 300 dimensions, of which 128 are kept; every fiftieth image is a stranger."""
    rng = np.random.default_rng(0)
    centres, labels = rng.normal(size=(40, 300)), np.repeat(np.arange(40), 20)
    features = (centres[labels] + rng.normal(size=(800, 300))).astype(np.float32)
    features[::50] = rng.normal(size=(16, 300))
    found = suspicion(features, labels, 40)
    strange = np.arange(800) % 50 == 0
    assert roc_auc_score(strange, found.errors) > 0.99
    assert roc_auc_score(strange, plainly(features, labels, 40)) > 0.99


def sound(found: Suspicion, count: int) -> bool:
    whole = found.errors.shape == found.looks_like.shape == (count,)
    return whole and bool(np.isfinite(found.errors).all() and (found.errors >= 0).all())


def test_classes_of_one_two_five_images_and_of_none() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0, 1, 1, 3, 3, 3, 3, 3])
    features = rng.normal(size=(8, 16)).astype(np.float32)
    found = suspicion(features, labels, 5)
    assert sound(found, 8)
    assert found.looks_like[0] == -1
    assert not set(found.looks_like.tolist()) & {2, 4}
    assert np.isfinite(found.of(features, np.arange(8) % 5)).all()


def test_a_single_image_and_none_at_all() -> None:
    one = suspicion(np.ones((1, 4), np.float32), np.array([0]), 2)
    assert one.errors.tolist() == [0]
    assert one.looks_like.tolist() == [-1]
    none = suspicion(np.empty((0, 0), np.float32), np.empty(0, np.int64), 2)
    assert sound(none, 0)
    assert none.of(np.ones((2, 4), np.float32), np.array([0, 1])).tolist() == [0, 0]
    many = suspicion(np.ones((9, 4), np.float32), np.arange(9) % 2, 2)
    assert many.of(np.empty((0, 0), np.float32), np.empty(0, np.int64)).shape == (0,)


@pytest.mark.parametrize("width", [4, 64])
@pytest.mark.parametrize("value", [0.0, 1.0, 3e4])
def test_images_that_are_all_the_same_are_no_suspects(width: int, value: float) -> None:
    found = suspicion(np.full((20, width), value, np.float32), np.arange(20) % 3, 3)
    assert sound(found, 20)
    assert np.ptp(found.errors) < 1e-5
    assert (found.looks_like == -1).all()


def test_features_that_are_not_finite_are_suspicious() -> None:
    features = np.random.default_rng(0).random((30, 8)).astype(np.float32)
    features[4], features[7] = np.nan, np.inf
    found = suspicion(features, np.arange(30) % 2, 2)
    assert sound(found, 30)
    assert set(np.argsort(-found.errors)[:2].tolist()) == {4, 7}
