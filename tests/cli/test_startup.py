"""What a command imports before it does its work: little, and nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import environment

HEAVY = ("torch", "torchvision", "timm", "numpy", "cv2", "PIL", "matplotlib", "safetensors", "sklearn")
NOT_FOR_ATTACHING = (
    "pydantic",
    "rich",
    "psutil",
    "msgspec",
    "subprocess",
    "importlib.metadata",
    "tui.headless",
)

PROBE = """
import sys
sys.argv = ["vrdl-tui", *sys.argv[1:]]
from tui.__main__ import main
main()
print(*sys.modules, file=sys.stdout)
"""


def modules(*arguments: str, cwd: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], cwd=cwd, capture_output=True, text=True, env=environment()
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "absent"),
        ("runs", "--json"),
        ("attach", "ghost"),
        ("resume", "ghost"),
        ("send", "ghost", "pause"),
        ("predict", "ghost"),
        ("--help",),
    ],
)
def test_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert not modules(*arguments, cwd=tmp_path) & set(HEAVY)


def test_attaching_imports_next_to_nothing(tmp_path: Path) -> None:
    assert not modules("attach", "ghost", cwd=tmp_path) & set(NOT_FOR_ATTACHING)
