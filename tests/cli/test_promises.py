"""The page of promises: each names tests, and each of them is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "assets" / "docs" / "promises.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
ROWS = [line for line in PAGE.partition("## Not promised")[0].splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_it_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_promise_names_one() -> None:
    promises = [row for row in ROWS if not row.startswith(("| ---", "| what happens", "| what comes"))]
    assert len(promises) > 20
    assert [row for row in promises if "::test_" not in row] == []
