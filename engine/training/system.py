"""What the machine is doing: sampled on a thread every few seconds for the journal."""

import contextlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from engine.journal.events import Event, SystemSample

_EVERY = 5.0


class SystemSampler:
    """Samples until closed; a GPU's figures where NVIDIA's library answers."""

    def __init__(self, folder: Path, emit: Callable[[Event], object]) -> None:
        self._folder = folder
        self._emit = emit
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        process = psutil.Process()
        psutil.cpu_percent()
        gpu = _Gpu()
        while not self._end.wait(_EVERY):
            # The trainer meets a full or absent disk where it can be told.
            with contextlib.suppress(OSError, psutil.Error):
                self._emit(gpu.added_to(self._sample(process)))

    def _sample(self, process: psutil.Process) -> SystemSample:
        memory = psutil.virtual_memory()
        return SystemSample(
            cpu_percent=psutil.cpu_percent(),
            rss=process.memory_info().rss,
            ram_used=memory.total - memory.available,
            ram_total=memory.total,
            disk_free=psutil.disk_usage(str(self._folder)).free,
        )


class _Gpu:
    """The GPU that torch computes on, once it does: NVIDIA's library counts those, too, that are hidden from it."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
        except Exception:  # no driver, no library, no GPU: nothing to sample
            return

    def _find(self) -> Any:
        # Not imported here: the first samples are of the time in which the engine does that.
        torch = sys.modules.get("torch")
        try:
            if torch is None or not torch.cuda.is_initialized():
                return None
            identity = torch.cuda.get_device_properties(0).uuid
        except (AttributeError, ImportError):  # it is half imported
            return None
        for kind in ("GPU", "MIG"):
            with contextlib.suppress(self._nvml.NVMLError):
                return self._nvml.nvmlDeviceGetHandleByUUID(f"{kind}-{identity}")
        return None

    def added_to(self, sample: SystemSample) -> SystemSample:
        """Return the sample with those of the GPU's figures that it supports; the others stay None."""
        if self._nvml is not None and self._handle is None:
            self._handle = self._find()
        if self._handle is None:
            return sample
        figures: dict[str, float | int] = {}
        nvml, handle = self._nvml, self._handle
        # Each by itself: a slice of a GPU (MIG) has no utilisation or power of its own, unified memory no size.
        with self._if_supported():
            figures["gpu_percent"] = nvml.nvmlDeviceGetUtilizationRates(handle).gpu
        with self._if_supported():
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            figures |= {"gpu_memory_used": memory.used, "gpu_memory_total": memory.total}
        with self._if_supported():
            figures["gpu_temperature"] = nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
        with self._if_supported():
            figures["gpu_power"] = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
        return msgspec.structs.replace(sample, **figures)

    def _if_supported(self) -> contextlib.AbstractContextManager[None]:
        """Suppress the errors by which NVIDIA's library, or an old binding to it, refuses a figure."""
        return contextlib.suppress(self._nvml.NVMLError, AttributeError)
