"""What the tests cost: their number, and the files that take longest.

    python -m benchmarks.suite_time REPORT.xml…

A report is what ``pytest --junit-xml REPORT.xml`` writes. A test's seconds include its fixtures; those that several
tests share count for the first of them. With several workers the sum of all is more than the time that passes.
"""

import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

_FILES = 10


def by_file(report: Path) -> dict[str, list[tuple[float, str]]]:
    """Return the seconds and the name of each test, by file."""
    tests: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):
        tests[case.get("classname", "")].append((float(case.get("time", 0)), case.get("name", "")))
    return tests


def main() -> None:
    """Print one table for each report."""
    for report in map(Path, sys.argv[1:]):
        files = by_file(report)
        seconds = {name: sum(time for time, _ in tests) for name, tests in files.items()}
        count = sum(map(len, files.values()))
        print(f"{report}: {count} tests in {len(files)} files, {sum(seconds.values()):.0f} s in all workers")
        for name in sorted(seconds, key=lambda name: -seconds[name])[:_FILES]:
            longest, test = max(files[name])
            print(
                f"{seconds[name]:8.1f} s {len(files[name]):4} tests  {name}  ({test[:60]}: {longest:.1f} s)"
            )


if __name__ == "__main__":
    main()
