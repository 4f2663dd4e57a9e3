"""What the machine is doing: sampled whatever befalls the run's disk, and of the GPU that the run is on."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch

from engine.journal.events import Event, SystemSample
from engine.training import system
from engine.training.system import SystemSampler
from tests.waiting import until

BLANK = SystemSample(cpu_percent=1.0, rss=2, ram_used=3, ram_total=4, disk_free=5)


@pytest.mark.parametrize("refuses", [False, True])
def test_it_goes_on_after_the_disk_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: bool
) -> None:
    """``refuses``: it is who takes the samples that can't write."""
    monkeypatch.setattr(system, "_EVERY", 0.02)
    folder, samples, away = tmp_path / "run", [], False
    folder.mkdir()

    def emit(event: Event) -> None:
        if away and refuses:
            raise OSError("full")
        samples.append(event)

    sampler = SystemSampler(folder, emit)
    try:
        until(lambda: samples, 20)
        away = True
        if not refuses:
            folder.rmdir()
        time.sleep(0.2)
        count = len(samples)
        time.sleep(0.2)
        assert len(samples) == count
        away = False
        folder.mkdir(exist_ok=True)
        until(lambda: len(samples) > count, 20)
    finally:
        sampler.close()
    assert all(isinstance(one, SystemSample) and one.disk_free > 0 for one in samples)


class _NVMLError(Exception):
    pass


class _TwoGpus:
    """A stand-in for NVIDIA's library on a machine of two GPUs."""

    NVMLError = _NVMLError
    NVML_TEMPERATURE_GPU = 0
    UUIDS = ("GPU-aaaa", "GPU-bbbb")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        assert name in ("nvmlInit", "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetMemoryInfo")
        answers = {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=10 * handle),
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=handle, total=100),
        }
        return answers[name]

    def nvmlDeviceGetHandleByUUID(self, identity: str) -> int:  # noqa: N802 - the library's name
        if identity not in self.UUIDS:
            raise _NVMLError
        return self.UUIDS.index(identity) + 1

    def nvmlDeviceGetTemperature(self, handle: int, _sensor: int) -> int:  # noqa: N802
        return 40 + handle

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        return 1000 * handle


def _torch(identity: str, *, begun: bool) -> SimpleNamespace:
    """A stand-in for a torch to which the first GPU is ``identity``."""
    return SimpleNamespace(
        cuda=SimpleNamespace(
            is_initialized=lambda: begun,
            get_device_properties=lambda index: SimpleNamespace(uuid=(identity,)[index]),
        )
    )


def test_the_gpu_is_the_one_that_torch_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", _TwoGpus())
    monkeypatch.delitem(sys.modules, "torch")
    gpu = system._Gpu()
    assert gpu.added_to(BLANK) == BLANK
    for early in (SimpleNamespace(), _torch("bbbb", begun=False), _torch("cccc", begun=True)):
        monkeypatch.setitem(sys.modules, "torch", early)
        assert gpu.added_to(BLANK) == BLANK
    monkeypatch.setitem(sys.modules, "torch", _torch("bbbb", begun=True))
    sample = gpu.added_to(BLANK)
    assert (sample.gpu_percent, sample.gpu_memory_used, sample.gpu_temperature) == (20, 2, 42)


GPU_FIGURES = {
    "nvmlDeviceGetUtilizationRates": {"gpu_percent": 20},
    "nvmlDeviceGetMemoryInfo": {"gpu_memory_used": 2, "gpu_memory_total": 100},
    "nvmlDeviceGetTemperature": {"gpu_temperature": 42},
    "nvmlDeviceGetPowerUsage": {"gpu_power": 2.0},
}


@pytest.mark.parametrize("lacking", [*([name] for name in GPU_FIGURES), list(GPU_FIGURES), []])
@pytest.mark.parametrize("error", [_NVMLError, AttributeError])
def test_a_figure_that_is_not_supported_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, lacking: list[str], error: type[Exception]
) -> None:
    """As on a slice of a GPU (MIG), or with a binding that is older than the driver."""
    library = _TwoGpus()

    def refuse(*_: object) -> None:
        raise error("Not Supported")

    for name in lacking:
        monkeypatch.setattr(library, name, refuse, raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setitem(sys.modules, "torch", _torch("bbbb", begun=True))
    there = [figures for name, figures in GPU_FIGURES.items() if name not in lacking]
    want = msgspec.structs.replace(BLANK, **{key: value for one in there for key, value in one.items()})
    gpu = system._Gpu()
    assert gpu.added_to(BLANK) == want
    assert gpu.added_to(BLANK) == want


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_real_gpu() -> None:
    torch.ones(1, device="cuda")
    sample = system._Gpu().added_to(BLANK)
    assert sample.gpu_memory_total
    assert abs(sample.gpu_memory_total - torch.cuda.get_device_properties(0).total_memory) < 2e9
