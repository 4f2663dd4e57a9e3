"""The facts about models: published figures, the table in the cache, the weights at hand, the query."""

from pathlib import Path

import msgspec
import pytest

from engine.recipe.timm_catalogue import (
    Here,
    ModelFact,
    Table,
    figures,
    figures_of,
    model_names,
    read_table,
    table_path,
    timm_version,
    weights_here,
    write_table,
)
from tui.widgets.model_query import find, model_rows

MODELS = [
    ModelFact("ecaresnet269d.ra2_in1k", 320, 1000, "apache-2.0", "timm/ecaresnet269d.ra2_in1k", "", True),
    ModelFact("nobodys_net", 224, 0, ""),
    ModelFact("resnet18.a1_in1k", 224, 1000, "apache-2.0", "timm/resnet18.a1_in1k", "", True),
    ModelFact("resnet50.tv_in1k", 224, 1000, "bsd-3-clause", "", "resnet50.pth", True),
]
TABLE = Table("1", MODELS, {"resnet18": 11_689_512, "ecaresnet269d": 102_093_416}, ["nobodys_net"])


def test_the_report_s_table_is_complete_and_timm_knows_its_models() -> None:
    rows = [(name, figure) for name, known in figures().items() for figure in known if figure.candidate]
    assert len(rows) == 16
    assert {name for name, _ in rows} <= model_names()
    assert figures_of("seresnet152d.ra2_in1k")[0][:5] == (320, 84.35, 97.04, 66.8, 24.1)


def test_every_figure_is_of_a_model_of_timm_s_and_says_where_it_is_from() -> None:
    assert set(figures()) <= model_names()
    for name, known in figures().items():
        assert len({(figure.size, figure.source) for figure in known}) == len(known), name
        for figure in known:
            assert 50 < figure.top1 < figure.top5 < 100
            assert figure.source


def test_the_table_lies_in_the_cache_by_timm_s_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert table_path() == tmp_path / "vrdl-tui/models" / f"timm-{timm_version()}-2.json"
    assert read_table(table_path()) is None
    write_table(table_path(), TABLE)
    assert read_table(table_path()) == TABLE


@pytest.mark.parametrize("content", [b"", b"{", b'{"timm": "1"}', b"\xff\xfe", b"[]"])
def test_a_damaged_table_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table.json").write_bytes(content)
    assert read_table(tmp_path / "table.json") is None


def test_famous_architectures_are_counted_first() -> None:
    table = msgspec.structs.replace(TABLE, parameters={}, failed=["ecaresnet269d"])
    assert table.uncounted == ["resnet18", "resnet50", "nobodys_net"]


def test_weights_are_found_where_timm_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    snapshot = tmp_path / "huggingface/hub/models--timm--resnet18.a1_in1k/snapshots/abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").touch()
    assert not weights_here().has(MODELS[2]), "a configuration is no weights"
    (snapshot / "model.safetensors").touch()
    assert weights_here().has(MODELS[2])
    broken = tmp_path / "huggingface/hub/models--timm--ecaresnet269d.ra2_in1k/snapshots/abc"
    broken.mkdir(parents=True)
    (broken / "model.safetensors").symlink_to("gone")
    assert not weights_here().has(MODELS[0])
    (tmp_path / "torch/hub/checkpoints").mkdir(parents=True)
    (tmp_path / "torch/hub/checkpoints/resnet50.pth").touch()
    assert weights_here().has(MODELS[3])
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert not weights_here().has(MODELS[2])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["ecaresnet269d", "resnet18", "resnet50", "nobodys_net"]),
        ("ResNet a1", ["resnet18"]),
        ("params<30", ["resnet18", "resnet50"]),
        ("params>=102 top1>84", ["ecaresnet269d"]),
        ("params<", ["ecaresnet269d", "resnet18", "resnet50", "nobodys_net"]),
        ("size=320", ["ecaresnet269d"]),
        ("top1>10", ["ecaresnet269d", "resnet18", "resnet50"]),
        ("licence:bsd", ["resnet50"]),
        ("here", ["resnet18"]),
        ("candidate", ["ecaresnet269d"]),
        ("nothing", []),
    ],
)
def test_query(query: str, names: list[str]) -> None:
    rows = model_rows(TABLE, Here(frozenset({"timm/resnet18.a1_in1k"}), frozenset(), False))
    assert [row.fact.architecture for row in find(rows, query)] == names


@pytest.mark.parametrize("name", ["HF_HUB_CACHE", "HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME"])
def test_a_cache_in_the_home_of_nobody_holds_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries read such a variable as it stands; there is no such folder."""
    for other in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "TORCH_HOME"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "~nosuch/cache")
    assert not weights_here().has(MODELS[0])
