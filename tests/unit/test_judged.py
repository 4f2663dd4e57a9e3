"""The list of judged validation images comes back as it was written, whatever is in it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.predictions import Judged, read_judged, write_judged
from engine.core.errors import UserError

names = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.lists(st.builds(Judged, names, names, names, st.sampled_from((0.0, 0.25, 1.0))), max_size=4))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, judged: list[Judged]) -> None:
    path = tmp_path_factory.getbasetemp() / "validation.csv"
    write_judged(path, judged)
    assert read_judged(path) == judged


def test_nothing_that_a_spreadsheet_would_run(tmp_path: Path) -> None:
    write_judged(tmp_path / "v.csv", [Judged("=cmd|' /C calc'!A0", "+1", "-1", 0.5)])
    cells = (tmp_path / "v.csv").read_text().splitlines()[1].split(",")
    assert all(cell.startswith("'") for cell in cells[:3])


@pytest.mark.parametrize(
    "content", ["", "image_name,pred_label\n1,2\n", "path,label,pred_label,probability\na,b\n"]
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "v.csv"
    with pytest.raises(UserError, match="no best weights yet"):
        read_judged(path)
    path.write_text(content)
    with pytest.raises(UserError, match=r"v\.csv"):
        read_judged(path)
