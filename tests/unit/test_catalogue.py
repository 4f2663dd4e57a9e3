"""Model names read from timm's source, held against timm itself."""

import json
import subprocess
import sys

import pytest

from engine.core.errors import UserError
from engine.recipe.timm_catalogue import check_model, model_names

ASK_TIMM = """
import json, timm
names = timm.list_models(pretrained=False)
print(json.dumps([names, timm.list_pretrained()]))
"""


def test_agrees_with_timm() -> None:
    asked = subprocess.run([sys.executable, "-c", ASK_TIMM], capture_output=True, check=True, text=True)
    bare, tagged = (set(names) for names in json.loads(asked.stdout))
    ours = model_names()
    assert bare <= ours
    for name in tagged:
        check_model(name)
    extra = {name for name in ours if "." not in name} - bare
    assert len(extra) < len(bare) / 4, "only timm's own deprecated names may be more"


@pytest.mark.parametrize(
    "name",
    ["resnet18", "resnet18.a1_in1k", "seresnet152d.ra2_in1k", "tf_efficientnet_lite0", "hf-hub:timm/x"],
)
def test_known(name: str) -> None:
    check_model(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet19", "did you mean resnet1"),
        ("efficentnet_b0", "efficientnet_b0"),
        ("resnet18.a1_in1", "resnet18.a1_in1k"),
        ("???", r"timm.list_models\(\) has the names"),
        ("", "timm has no model"),
    ],
)
def test_unknown_names_get_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UserError, match=hint):
        check_model(name)
