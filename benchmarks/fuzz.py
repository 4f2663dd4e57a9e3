"""Damage every file that is read, for as long as asked: ``python benchmarks/fuzz.py [SECONDS] [-- OPTIONS]``.

OPTIONS are libFuzzer's. With atheris (pip install -e '.[fuzz]') it is guided by which code of the engine each file
reaches; without, files are damaged at random. Ends with the file's bytes and exit code 1 at the first that raises
anything but UserError, or takes too long or too much.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

try:
    import atheris
except ImportError:
    atheris = None

if atheris is not None:
    with atheris.instrument_imports(include=["engine"]):
        from tests.fuzz import readers as _readers
else:
    from tests.fuzz import readers as _readers

from engine.core.errors import UserError
from tests.fuzz.bounds import bounded_memory, bounded_time
from tests.fuzz.mutate import mutate


def main() -> int:
    """Return the exit code; with atheris the process ends by itself."""
    words = sys.argv[1:]
    own = words[: words.index("--")] if "--" in words else words
    seconds = int(own[0]) if own else 60
    with tempfile.TemporaryDirectory(prefix="vrdl-tui-fuzz-") as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        found = _readers.readers(folder)

        def test(content: bytes) -> None:
            """The first byte says for which reader the others are."""
            if not content:
                return
            reader = found[content[0] % len(found)]
            try:
                with bounded_time(), bounded_memory():
                    reader.read(folder, content[1:])
            except UserError:
                pass
            except BaseException:
                print(f"{reader.name}: {content[1:]!r}", flush=True)
                raise

        seeds = [bytes([number]) + seed for number, reader in enumerate(found) for seed in reader.seeds]
        if atheris is None:
            return _at_random(test, seeds, seconds)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            (corpus / str(number)).write_bytes(seed)

        def damaged(content: bytes, most: int, seed: int) -> bytes:
            rng = random.Random(seed)
            if rng.random() < 0.5:
                return bytes(atheris.Mutate(content, most))
            return (content[:1] + mutate(content[1:], rng))[:most]

        more = words[words.index("--") + 1 :] if "--" in words else []
        options = [sys.argv[0], f"-max_total_time={seconds}", "-max_len=16384", *more, str(corpus)]
        atheris.Setup(options, test, custom_mutator=damaged)
        atheris.Fuzz()
    return 0


def _at_random(test: object, seeds: list[bytes], seconds: int) -> int:
    assert callable(test)
    rng, deadline, cases = random.Random(time.time_ns()), time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        seed = rng.choice(seeds)
        test(seed[:1] + mutate(seed[1:], rng))
        cases += 1
    print(f"{cases:,} files in {seconds} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
