"""Who reaches for the network: nobody, unless weights are asked for; with --offline, not even then."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tests.cli.calling import PROGRAM, call, environment
from tests.e2e.terminal import Terminal
from tests.made_data import TINY

# Every Python that is started, engines and their workers too, writes down what it asks of the network.
_RECORDER = """
import os, socket, sys

def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        if getattr(arguments[0], "family", None) != socket.AF_UNIX:
            line = f"{event} {arguments[1:] if isinstance(arguments[0], socket.socket) else arguments}"
            with open(os.environ["SEEN_ON_THE_NETWORK"], "a") as file:
                file.write(f"{line} {sys.argv}\\n")

sys.addaudithook(note)
"""


class Watched:
    """An environment in which nothing but the recorder stands between the program and the network."""

    def __init__(self, folder: Path) -> None:
        self._seen = folder / "seen"
        (folder / "sitecustomize.py").write_text(_RECORDER)
        self.variables = {
            "PYTHONPATH": str(folder),
            "SEEN_ON_THE_NETWORK": str(self._seen),
            "HF_HUB_OFFLINE": "",
            # Whatever is tried ends here at once.
            "HF_ENDPOINT": "http://127.0.0.1:9",
        }

    def seen(self) -> str:
        return self._seen.read_text() if self._seen.exists() else ""


@pytest.fixture
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return Watched(tmp_path_factory.mktemp("watched"))


def python(code: str, variables: Mapping[str, str]) -> str:
    """Run some Python in the watched environment and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", code], env=environment(**variables), capture_output=True, text=True, check=True
    ).stdout


def settings(*more: str) -> list[str]:
    return [word for setting in (*TINY, "train.epochs=1", *more) for word in ("--set", setting)]


def test_the_recorder_sees_what_asks_for_weights(watched: Watched) -> None:
    look = "from engine.recipe.weights_source import go_offline_if_unreachable as look; print(look())"
    assert python(look, watched.variables) == "True\n"
    assert "'127.0.0.1', 9" in watched.seen()


def test_training_from_weights_at_hand_needs_no_network(
    pictures: Path, tmp_path: Path, watched: Watched
) -> None:
    save_file(timm.create_model("test_efficientnet").state_dict(), tmp_path / "own.safetensors")
    more = settings("model.pretrained=true", f"model.weights={tmp_path / 'own.safetensors'}")
    train = ("train", pictures, "--recipe", "quick", "--name", "own", "--headless", *more)
    assert call(*train, cwd=tmp_path, **watched.variables).code == 0
    assert (tmp_path / "runs/own/prediction.csv").is_file()
    for arguments in (("predict", "own", "--out", "again.csv"), ("runs", "--json")):
        assert call(*arguments, cwd=tmp_path, **watched.variables).code == 0
    assert watched.seen() == ""


def test_looking_needs_no_network(tmp_path: Path, watched: Watched) -> None:
    assert "test_efficientnet" in call("models", "test_efficientnet", cwd=tmp_path, **watched.variables).out
    assert "torch" in call("doctor", cwd=tmp_path, **watched.variables).out
    assert watched.seen() == ""


def test_the_console_needs_no_network(tmp_path: Path, watched: Watched) -> None:
    words = [f"{name}={value}" for name, value in watched.variables.items()]
    terminal = Terminal(cwd=tmp_path, program=("env", *words, str(PROGRAM)))
    try:
        terminal.shows("no runs")
        terminal.press("q")
        assert terminal.ended() == 0
    finally:
        terminal.close()
    assert watched.seen() == ""


@pytest.mark.parametrize("switch", [("--offline", ""), ("", "1")], ids=["option", "variable"])
def test_offline_no_weights_are_downloaded(
    pictures: Path, tmp_path: Path, watched: Watched, switch: tuple[str, str]
) -> None:
    option, variable = switch
    words = [*([option] if option else []), *settings("model.pretrained=true")]
    train = ("train", pictures, "--recipe", "quick", "--name", "far", "--headless", *words)
    answer = call(*train, cwd=tmp_path, **watched.variables, VRDL_TUI_OFFLINE=variable)
    assert answer.code == 1
    ended = past_state(JournalReader(RunDir(tmp_path / "runs/far").journal)).ended
    assert ended is not None
    assert ended.reason.startswith(
        "no pretrained weights for test_efficientnet "
        "(they are not on this machine, and --offline forbids the network);"
    )
    assert watched.seen() == ""


def test_offline_nothing_gets_out(watched: Watched) -> None:
    """Whatever library it is that tries; processes of this machine still speak to each other."""
    code = """
import socket, urllib.request
from engine.core.offline import forbid_network

forbid_network()
left, right = socket.socketpair()
left.send(b"x")
print(right.recv(1))
for attempt in (
    lambda: urllib.request.urlopen("http://127.0.0.1:9"),
    lambda: socket.create_connection(("127.0.0.1", 9)),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
):
    try:
        attempt()
    except OSError as error:
        print("forbidden" in str(error))
"""
    assert python(code, watched.variables).split() == ["b'x'", *["True"] * 4]
