"""What differs between systems: calls that macOS lacks, copies that MPS doesn't bear, limits of batch jobs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch

from engine.compute.device import to_device
from engine.data.cache.memory import free_memory
from engine.data.cache_plan import memory_budget
from tests.engine.conducting import play
from tests.made_data import make_run

MB = 10**6


def test_a_system_without_linux_s_calls(pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.delattr(os, "sched_getaffinity")
    run = make_run(runs, pictures, "train.epochs=1", "data.workers=-1")
    assert play(run).code == 0
    assert run.prediction.exists()


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_copy_is_asynchronous_on_cuda_alone(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    to = torch.Tensor.to
    monkeypatch.setattr(
        torch.Tensor,
        "to",
        lambda self, *args, **named: asked.append(named["non_blocking"]) or to(self, *args),
    )
    assert to_device(torch.zeros(3), torch.device(device)).device.type == device
    assert asked == [False]


class Groups:
    """A tree of control groups, as the system shows one in files."""

    def __init__(self, folder: Path) -> None:
        self.root, self.own = folder / "cgroup", folder / "self"
        self.root.mkdir(parents=True)

    def add(self, place: str, **files: int | str) -> None:
        folder = self.root / place
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(f"{content}\n")

    def free(self, *lines: str) -> int:
        self.own.write_text("".join(f"{line}\n" for line in lines))
        return free_memory(self.own, self.root)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_a_job_within_a_job(groups: Groups) -> None:
    """SLURM's, by cgroup v2: the step has no limit, the job has one."""
    groups.add("system.slice", memory__max="max", memory__current=900 * MB)
    groups.add("system.slice/job_7", memory__max=500 * MB, memory__current=100 * MB)
    groups.add("system.slice/job_7/step_0", memory__max="max", memory__current=90 * MB)
    assert groups.free("0::/system.slice/job_7/step_0") == 400 * MB


def test_what_is_only_cached_is_free(groups: Groups) -> None:
    groups.add("job", memory__max=500 * MB, memory__current=480 * MB)
    groups.add("job", memory__stat=f"anon {80 * MB}\ninactive_file {300 * MB}\nactive_file {100 * MB}")
    assert groups.free("0::/job") == 320 * MB


def test_the_limit_from_which_a_group_is_slowed_down_counts_too(groups: Groups) -> None:
    groups.add("job", memory__max="max", memory__high=200 * MB, memory__current=50 * MB)
    assert groups.free("0::/job") == 150 * MB


def test_an_older_system(groups: Groups) -> None:
    """cgroup v1 beside an empty v2, as on a cluster of some years ago; each has a limit, the inner is larger."""
    groups.add("memory", memory__limit_in_bytes=2**63 - 4096, memory__usage_in_bytes=10**10)
    groups.add("memory/slurm/uid_1/job_7", memory__limit_in_bytes=300 * MB, memory__usage_in_bytes=100 * MB)
    groups.add(
        "memory/slurm/uid_1/job_7/step_0", memory__limit_in_bytes=400 * MB, memory__usage_in_bytes=100 * MB
    )
    lines = ("12:cpuset:/slurm", "4:memory:/slurm/uid_1/job_7/step_0", "1:name=systemd:/x", "0::/init.scope")
    assert groups.free(*lines) == 200 * MB


def test_a_container_sees_its_own_group_as_the_root(groups: Groups) -> None:
    groups.add("", memory__max=100 * MB, memory__current=30 * MB)
    assert groups.free("0::/../../docker/abc") == 70 * MB
    assert groups.free("0::/") == 70 * MB


@pytest.mark.parametrize("line", ["", "0::", "nonsense", "4:memory", "0::/gone"])
def test_no_group_is_no_limit(groups: Groups, line: str) -> None:
    assert abs(groups.free(line) - psutil.virtual_memory().available) < 1000 * MB


def test_a_group_that_is_full(groups: Groups) -> None:
    groups.add("job", memory__max=100 * MB, memory__current=130 * MB)
    assert groups.free("0::/job") == 0


@pytest.fixture
def limited() -> Iterator[Path]:
    """A real control group of 400 MB within this process's own, if one can be made."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        top = {"memory": "memory", "": "."}.get(controllers)
        if top is None:
            continue
        group = Path("/sys/fs/cgroup") / top / path.lstrip("/") / f"vrdl-tui-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / ("memory.limit_in_bytes" if top == "memory" else "memory.max")).write_text(str(400 * MB))
        except OSError:
            group.rmdir()
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("no control group can be made here")


def test_in_a_real_control_group(limited: Path) -> None:
    code = f"""
import os
open({str(limited / "cgroup.procs")!r}, "w").write(str(os.getpid()))
from engine.data.cache_plan import memory_budget
print(memory_budget())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 50 * MB < int(done.stdout) <= 100 * MB < memory_budget()
