"""What the machine is doing: sampled on a thread every few seconds for the journal."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from engine.event import Event
from engine.events import SystemSample

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
            memory = psutil.virtual_memory()
            sample = SystemSample(
                cpu_percent=psutil.cpu_percent(),
                rss=process.memory_info().rss,
                ram_used=memory.total - memory.available,
                ram_total=memory.total,
                disk_free=psutil.disk_usage(str(self._folder)).free,
            )
            sample = gpu.added_to(sample)
            with contextlib.suppress(OSError):  # the trainer meets the full disk itself, where it can be told
                self._emit(sample)


class _Gpu:
    def __init__(self) -> None:
        self._handle = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        except Exception:  # no driver, no library, no GPU: nothing to sample
            return

    def added_to(self, sample: SystemSample) -> SystemSample:
        """Return the sample with the GPU's figures, as it is where there is none."""
        if self._handle is None:
            return sample
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            return msgspec.structs.replace(
                sample,
                gpu_percent=self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu,
                gpu_memory_used=memory.used,
                gpu_memory_total=memory.total,
                gpu_temperature=self._nvml.nvmlDeviceGetTemperature(
                    self._handle, self._nvml.NVML_TEMPERATURE_GPU
                ),
                gpu_power=self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000,
            )
        except self._nvml.NVMLError:
            return sample
