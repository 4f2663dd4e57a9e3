"""Sample CPU, memory, disk and GPU for the journal, on a background thread."""

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
    """Emits a ``SystemSample`` every 5 s until closed, with GPU figures if NVIDIA's library provides them.

    ``folder`` is where free disk space is measured.
    """

    def __init__(self, folder: Path, emit: Callable[[Event], object]) -> None:
        self._folder = folder
        self._emit = emit
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        process = psutil.Process()
        psutil.cpu_percent()
        gpu = _Gpu()
        while not self._end.wait(_EVERY):
            # The training thread reports a full or missing disk; a sample can be skipped.
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
    """The GPU that torch uses, once it does. Found by UUID, since NVML's indices include GPUs hidden from torch."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
        except Exception:  # no driver, library or GPU
            return

    def _find(self) -> Any:
        # Not imported here: the first samples are taken while the engine imports it.
        torch = sys.modules.get("torch")
        try:
            if torch is None or not torch.cuda.is_initialized():
                return None
            identity = torch.cuda.get_device_properties(0).uuid
        except (AttributeError, ImportError):  # torch is partly imported
            return None
        for kind in ("GPU", "MIG"):
            with contextlib.suppress(self._nvml.NVMLError):
                return self._nvml.nvmlDeviceGetHandleByUUID(f"{kind}-{identity}")
        return None

    def added_to(self, sample: SystemSample) -> SystemSample:
        """Return ``sample`` with the figures that the GPU supports; the others stay None."""
        if self._nvml is not None and self._handle is None:
            self._handle = self._find()
        if self._handle is None:
            return sample
        figures: dict[str, float | int] = {}
        nvml, handle = self._nvml, self._handle
        # Separately: a MIG instance has no utilisation or power of its own, unified memory no size.
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
        """Suppress the errors that NVML, or an old binding to it, raises for an unsupported figure."""
        return contextlib.suppress(self._nvml.NVMLError, AttributeError)
