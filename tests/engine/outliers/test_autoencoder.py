"""The autoencoders against a plain loop of torch's own layers, and what they promise whoever runs them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from engine.compute.rng import Purpose, stream
from engine.outliers.detect.autoencoder import ClassErrors, ClassPixels, autoencoder_errors, group_errors
from engine.outliers.detect.autoencoder_net import first_weights

SEED = 3


def pictures(label: int, count: int, size: int) -> npt.NDArray[np.uint8]:
    """Draw gradients, each in a direction and of colours of its own, with a little noise."""
    rng = np.random.default_rng(label)
    y, x = np.mgrid[:size, :size] / size
    slopes, grounds = rng.normal(size=(2, count, 1, 1, 3)), rng.uniform(60, 200, (count, 1, 1, 3))
    pixels = grounds + 60 * (slopes[0] * x[..., None] + slopes[1] * y[..., None])
    return np.clip(pixels + rng.normal(size=pixels.shape) * 4, 0, 255).astype(np.uint8)


def a_class(label: int, train: int, val: int = 0, size: int = 16) -> ClassPixels:
    return ClassPixels(label, pictures(label, train, size), pictures(100 + label, val, size))


def trained(
    *classes: ClassPixels, epochs: int = 2, tell: Any = lambda *_: None, poll: Any = lambda: None
) -> list[ClassErrors]:
    groups = autoencoder_errors(
        classes, epochs=epochs, seed=SEED, device=torch.device("cpu"), tell=tell, poll=poll
    )
    return [one for group in groups for one in group]


def plain(one: ClassPixels, epochs: int) -> tuple[ClassErrors, list[float]]:
    """Train as anyone would write it; return the errors and each epoch's loss."""
    net = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(),
        nn.Conv2d(128, 64, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(32, 3, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip
    weights = first_weights(stream(SEED, Purpose.AUTOENCODER, 0, one.label))
    nn.utils.vector_to_parameters(weights, net.parameters())
    train, val = (torch.from_numpy(p).permute(0, 3, 1, 2).float() / 255 for p in (one.train, one.val))
    optimizer = torch.optim.Adam(net.parameters())
    losses = []
    for epoch in range(1, epochs + 1):
        order = stream(SEED, Purpose.AUTOENCODER, epoch, one.label).permutation(len(train))
        total = 0.0
        for rows in torch.from_numpy(order).split(32):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(train[rows]), train[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(train))
    with torch.no_grad():
        errors = [(net(images) - images).square().mean((1, 2, 3)).tolist() for images in (train, val)]
    return ClassErrors(one.label, *errors), losses


# A rest batch and a map of odd sides; images so large that a batch is computed in parts. Adam makes more of rounding
# with each epoch.
@pytest.mark.parametrize(
    ("count", "size", "epochs", "rel"), [(40, 20, 1, 1e-4), (40, 20, 4, 5e-3), (17, 128, 1, 1e-4)]
)
def test_the_same_as_a_plain_loop(count: int, size: int, epochs: int, rel: float) -> None:
    one, told = a_class(5, count, 3, size), []
    (ours,) = trained(one, epochs=epochs, tell=lambda *event: told.append(event))
    theirs, losses = plain(one, epochs)
    assert ours.label == 5
    assert ours.train == pytest.approx(theirs.train, rel=rel)
    assert ours.val == pytest.approx(theirs.val, rel=rel)
    assert [(label, epoch) for label, epoch, _ in told] == [(5, n) for n in range(1, epochs + 1)]
    assert [loss for _, _, loss in told] == pytest.approx(losses, rel=rel)


def test_weights_are_drawn_as_torch_draws_them() -> None:
    weights = first_weights(np.random.default_rng(0))
    start = 0
    for n_in, n_out in ((3, 32), (32, 64), (64, 128), (128, 64), (64, 32), (32, 3)):
        for theirs in nn.Conv2d(n_in, n_out, 3).requires_grad_(False).parameters():
            ours = weights[start : start + theirs.numel()]
            bound = (n_in * 9) ** -0.5
            assert max(ours.abs().max(), theirs.abs().max()) <= bound
            if ours.numel() > 500:
                assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.1)
                assert float(ours.abs().max()) > 0.98 * bound
            start += theirs.numel()
    assert start == len(weights)


def test_side_by_side_is_one_by_one() -> None:
    group = [a_class(0, 40, 2), a_class(1, 7), a_class(2, 70, 3)]  # two batches, one and three
    told: list[tuple[int, int]] = []
    found = group_errors(
        group, epochs=4, seed=SEED, device=torch.device("cpu"),
        tell=lambda label, epoch, _: told.append((label, epoch)), poll=lambda: None,
    )  # fmt: skip
    alone = trained(*group, epochs=4)
    # Rounding, which Adam makes more of with each step; another class's errors are another 10 % away.
    for ours, theirs in zip(found, alone, strict=True):
        assert ours.label == theirs.label
        assert ours.train == pytest.approx(theirs.train, rel=5e-3)
        assert ours.val == pytest.approx(theirs.val, rel=5e-3)
    assert told == [(label, epoch) for epoch in range(1, 5) for label in range(3)]


def test_a_class_gets_the_same_errors_bit_for_bit_whatever_goes_before_it() -> None:
    first, second = a_class(0, 5), a_class(1, 35, 2)
    torch.manual_seed(1)
    in_order = trained(first, second)
    torch.manual_seed(2)
    assert trained(second, first) == in_order[::-1]


def test_torch_draws_what_it_would_have_drawn() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    trained(a_class(0, 5))
    assert torch.rand(3).equal(expected)


def test_what_does_not_belong_is_reconstructed_worst() -> None:
    train = np.repeat(pictures(0, 1, 16), 33, axis=0)
    train[20] = pictures(1, 1, 16)
    (found,) = trained(ClassPixels(0, train, train[:0]), epochs=10)
    assert np.argmax(found.train) == 20
    assert found.val == []


def test_a_class_without_training_images_has_no_errors() -> None:
    told: list[int] = []
    found = trained(a_class(0, 0, 2), a_class(1, 1), tell=lambda label, *_: told.append(label))
    assert found[0] == ClassErrors(0, [], [])
    assert len(found[1].train) == 1
    assert told == [1, 1]


def test_classes_are_drawn_one_at_a_time() -> None:
    drawn: list[int] = []

    def classes() -> Iterator[ClassPixels]:
        for label in range(3):
            drawn.append(label)
            yield a_class(label, 2)

    groups = autoencoder_errors(
        classes(), epochs=1, seed=SEED, device=torch.device("cpu"), tell=lambda *_: None, poll=lambda: None
    )
    assert drawn == []
    for label in range(3):
        assert [one.label for one in next(groups)] == [label]
        assert drawn == list(range(label + 1))
    assert list(groups) == []


class Left(Exception):  # noqa: N818
    pass


def test_poll_is_called_before_each_batch_and_may_leave() -> None:
    calls = 0

    def poll() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise Left

    told: list[int] = []
    with pytest.raises(Left):
        trained(a_class(0, 40), tell=lambda _, epoch, __: told.append(epoch), poll=poll)
    assert told == [1]  # of two batches; the second epoch got no further than its first
