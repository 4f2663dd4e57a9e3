"""What a console costs that watches a live run: processor, bytes to the terminal, memory.

Then what is written to the terminal while something else is open over the live view. The run is played: its lock is
held, ten steps a second come, an epoch ends every ten seconds.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.made_history import STEPS, run_under_way
from benchmarks.terminal import BRAILLE, CONSOLE, Terminal, load
from engine.journal.events import CheckpointSaved, EpochEnded, EpochStarted, LrDecayed, Step, SystemSample
from engine.journal.log import JournalWriter
from engine.run.directory import RunDir
from tests.tui.made_runs import accuracy, matrix

EPOCHS, PER_SECOND = 60, 10
START_UP, AFTER_EPOCH = 15.0, 0.9
OVER = {
    "help": b"?",
    "steering": b"=",
    "ways to quit": b"q",
    "prediction": b"x",
    "gallery": b"o",
    "matrix": b"m",
    "accuracy": b"1",
    "confusion": b"4",
    "system": b"6",
}
"""Boxes and screens with their keys."""


class PlayedEngine:
    """Appends what an engine would, in a thread, until closed."""

    def __init__(self, run: RunDir) -> None:
        self._lock = run.lock()
        self._journal = JournalWriter(run.journal)
        self.epochs_ended: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._journal.close()
        self._lock.release()

    def _play(self) -> None:
        epoch, tick = EPOCHS + 1, 30
        while not self._end.wait(1 / PER_SECOND):
            tick += 1
            self._step(epoch, tick)
            if tick % (5 * PER_SECOND) == 0:
                self._journal.append(
                    SystemSample(
                        cpu_percent=90.0 + tick % 7,
                        rss=900_000_000 + tick * 4096,
                        ram_used=6_000_000_000 + tick * 65536,
                        ram_total=16_000_000_000,
                        disk_free=50_000_000_000,
                    )
                )
            if tick >= STEPS:
                self._end_epoch(epoch)
                epoch, tick = epoch + 1, 0

    def _step(self, epoch: int, tick: int) -> None:
        share = tick / STEPS
        self._journal.append(
            Step(
                epoch=epoch,
                step=tick,
                steps=STEPS,
                loss=1.62 - 0.04 * share + 0.003 * (tick % 5),
                train_acc=47 + share + 0.31 * (tick % 3),
                images_per_s=205 + 3.7 * (tick % 4),
                eta=(2 * EPOCHS - epoch + 1 - share) * STEPS / PER_SECOND,
            )
        )

    def _end_epoch(self, epoch: int) -> None:
        score, lr = accuracy(epoch), 1e-4
        self.epochs_ended.append(time.perf_counter())
        self._journal.append(matrix(epoch))
        self._journal.append(
            EpochEnded(
                epoch=epoch,
                lr=lr,
                train_acc=round(score * 0.62, 2),
                train_loss=1.58,
                val_acc=score,
                val_loss=1.04,
                new_best=False,
                best=89.34,
                best_epoch=58,
                counter=epoch - 58,
                patience=1000,
                epochs_to_stop=1058 - epoch,
                next_lr=lr * 0.6,
                images_per_s=207.0,
                seconds=STEPS / PER_SECOND,
            )
        )
        self._journal.append(LrDecayed(epoch=epoch + 1, old=lr, new=lr * 0.6, reason="no better score"))
        self._journal.append(
            CheckpointSaved(
                which="last", epoch=epoch, step=STEPS, reason="end of epoch", size=51_634_000, seconds=0.2
            )
        )
        self._journal.append(EpochStarted(epoch=epoch + 1, epochs=2 * EPOCHS, lr=lr * 0.6, steps=STEPS))


def measure(run: RunDir, engine: PlayedEngine, seconds: float) -> None:
    with Terminal([CONSOLE, "attach", str(run.path)]) as terminal:
        terminal.record(START_UP, until=BRAILLE)  # the curve comes last
        terminal.record(1.0)
        process = psutil.Process(terminal.pid)
        before, written = process.cpu_times(), len(terminal.chunks)
        started = time.perf_counter()
        terminal.record(seconds)
        passed = time.perf_counter() - started
        after, memory = process.cpu_times(), process.memory_info().rss
        shown = terminal.screen()
    if "TRAINING" not in shown or passed < seconds * 0.9:
        raise SystemExit(f"the console did not follow the run; the screen:\n{shown}")
    cpu = (after.user + after.system - before.user - before.system) / passed
    output = [(terminal.started + at, len(data)) for at, data in terminal.chunks[written:]]
    total = sum(size for _, size in output)
    ends = [end for end in engine.epochs_ended if started < end < started + passed - AFTER_EPOCH]
    bursts = sum(size for at, size in output if any(0 < at - end < AFTER_EPOCH for end in ends))
    steady = (total - bursts) / (passed - len(ends) * AFTER_EPOCH)
    burst = bursts / len(ends) - steady * AFTER_EPOCH
    print(f"processor  {100 * cpu:6.2f} % of one core (goal: at most 2)")
    print(
        f"terminal   {total / passed / 1000:6.2f} KB/s, {len(ends)} epochs having ended (goal: at most 1.5)"
    )
    print(f"           {steady / 1000:6.2f} KB/s between them, {burst / 1000:.1f} KB for the end of one")
    print(f"memory     {memory / 1e6:6.1f} MB (goal: at most 90)")


def measure_over(run: RunDir, seconds: float) -> None:
    with Terminal([CONSOLE, "attach", str(run.path)]) as terminal:
        terminal.record(START_UP, until=BRAILLE)
        for name, key in OVER.items():
            terminal.press(key)
            terminal.record(2.0)
            written = len(terminal.chunks)
            terminal.record(seconds)
            if "TRAINING" in terminal.screen().splitlines()[0] and "esc" not in terminal.screen():
                raise SystemExit(f"{name} did not open; the screen:\n{terminal.screen()}")
            total = sum(len(data) for _, data in terminal.chunks[written:])
            print(f"{name:12} {total / seconds / 1000:6.2f} KB/s")
            terminal.press(b"\x1b")
            terminal.record(1.0)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 25.0
    print(f"{load()}; {seconds:.0f} s at 120x40")
    with tempfile.TemporaryDirectory() as folder:
        run = run_under_way(Path(folder), EPOCHS)
        engine = PlayedEngine(run)
        try:
            measure(run, engine, seconds)
            print("over the live view:")
            measure_over(run, seconds)
        finally:
            engine.close()
    print(load())


if __name__ == "__main__":
    main()
