"""Over a real SSH connection: the line drops, with a word and without; the run goes on, and is attached to again."""

import hashlib
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from safetensors.numpy import load_file

from engine.journal.events import EpochEnded, EpochStarted, RunStarted, Step
from engine.run.directory import RunDir
from tests.e2e.terminal import PATIENCE, PROGRAM, Terminal, command, environment
from tests.engine.conducting import Watcher
from tests.made_data import TINY

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:" + os.environ.get("PATH", ""))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        SSHD is None or shutil.which("ssh") is None, reason="no OpenSSH server here: install openssh-server"
    ),
]

EPOCHS = 9
SETTINGS = (
    *TINY, "data.workers=1", "data.batch_size=4", f"train.epochs={EPOCHS}", "schedule.patience=60",
)  # fmt: skip
CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
"""


@dataclass
class Server:
    """An sshd of the user who runs the tests, on a port of its own, and the terminals connected to it."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"
    terminals: list[Terminal] = field(default_factory=list)

    def connect(self, *arguments: str, home: Path) -> Terminal:
        """Start ``vrdl-tui`` over ``ssh -t``."""
        names = (
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "LANG",
            "OMP_NUM_THREADS",
            "HF_HUB_OFFLINE",
        )
        env = environment()
        there = ["env", *(f"{name}={env[name]}" for name in names), str(PROGRAM), *arguments]
        ssh = [
            "ssh", "-tt", "-F", "none", "-p", str(self.port), "-i", str(self.folder / "user"),
            "-o", f"UserKnownHostsFile={self.folder / 'known'}", "-o", "StrictHostKeyChecking=accept-new",
            "-o", "LogLevel=ERROR", f"{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1",
            f"cd {shlex.quote(str(home))} && exec {shlex.join(there)}",
        ]  # fmt: skip
        self.terminals.append(Terminal(cwd=home, program=ssh))
        return self.terminals[-1]

    def connections(self) -> list[psutil.Process]:
        """The server's processes beside the one that listens."""
        return psutil.Process(self.process.pid).children()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    assert SSHD is not None
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd of root goes without any rights
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = folder / "sshd_config"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(configuration)], stderr=log)
    started = Server(folder, port, process)
    try:
        _listens(started)
        yield started
    finally:
        for terminal in started.terminals:
            terminal.close()
        for connection in started.connections():
            connection.kill()
        process.kill()
        process.wait()


def _listens(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert server.process.poll() is None, (server.folder / "log").read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("sshd does not listen")


def words(pictures: Path, name: str) -> list[str]:
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return ["train", str(pictures), "--recipe", "quick", "--name", name, *settings]


def until_a_step_of(watcher: Watcher, epoch: int) -> None:
    watcher.until(lambda state: state.epoch and state.epoch.epoch >= epoch and state.step)


def test_no_step_is_lost_when_the_line_drops(home: Path, pictures: Path, server: Server) -> None:
    unbroken = command(*words(pictures, "unbroken"), "--headless", cwd=home)
    assert unbroken.returncode == 0, unbroken

    first = server.connect(*words(pictures, "cut"), home=home)
    first.shows("STARTING", "cut")
    run = RunDir(home / "runs" / "cut")
    watcher = Watcher(run)
    first.until(lambda screen: "TRAINING" in screen, "training")
    (console,) = _consoles(server)
    (connection,) = server.connections()
    connection.kill()  # and with it what holds the far end of the terminal
    assert first.ended(10) == 255
    _gone(console)
    assert run.is_alive()
    until_a_step_of(watcher, 2)

    second = server.connect("attach", "cut", home=home)
    second.until(lambda screen: "TRAINING" in screen or "VALIDATING" in screen, "training, attached again")
    (console,) = _consoles(server)
    (connection,) = server.connections()
    os.kill(
        second.pid, signal.SIGSTOP
    )  # the line is dead, and no word says so: the server believes in it for hours
    third = server.connect("attach", "cut", home=home)
    third.shows("FINISHED", f"epoch {EPOCHS}/{EPOCHS}", "prediction of 5 images written")
    assert console.is_running()
    connection.kill()
    _gone(console)
    third.press("q")
    assert third.ended() == 0
    assert third.left_sane()
    watcher.until(lambda state: state.ended)
    nothing_lost(watcher)
    assert outcome(run) == outcome(RunDir(home / "runs" / "unbroken"))


def _consoles(server: Server) -> list[psutil.Process]:
    below = psutil.Process(server.process.pid).children(recursive=True)
    return [one for one in below if str(PROGRAM) in one.cmdline() and one.name() != "sh"]


def _gone(process: psutil.Process) -> None:
    psutil.wait_procs([process], timeout=20)
    assert not process.is_running()


def nothing_lost(watcher: Watcher) -> None:
    """See a journal without holes, one attempt, every epoch once, every step told of after the one before."""
    events = watcher.events
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(isinstance(event, RunStarted) for event in events) == 1
    for kind in (EpochStarted, EpochEnded):
        assert [event.epoch for event in events if isinstance(event, kind)] == list(range(1, EPOCHS + 1))
    told = [(event.epoch, event.step) for event in events if isinstance(event, Step)]
    assert told == sorted(set(told))


def outcome(run: RunDir) -> tuple[list[tuple[float, ...]], list[str], str, bytes]:
    """What a run came to: its epochs' figures, its log but for times, its weights, its prediction."""
    watcher = Watcher(run)
    watcher.look()
    figures = [
        (one.train_loss, one.train_acc, one.val_loss, one.val_acc, one.next_lr)
        for one in watcher.state.epochs
    ]
    log = [
        re.sub(r"[\d.]+ ?s(ec\w*)?\b|\d+:\d+(:\d+)?", "", line)
        for line in run.train_log.read_text().splitlines()
    ]
    weights = hashlib.sha256()  # not of the file: its header says when it was written
    for name, tensor in sorted(load_file(run.path / "checkpoints" / "best" / "model.safetensors").items()):
        weights.update(name.encode() + tensor.tobytes())
    return figures, log, weights.hexdigest(), run.prediction.read_bytes()
