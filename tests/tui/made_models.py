"""A small table of models in the place of timm's, complete, so that no helper has to write one."""

from engine.recipe.timm_catalogue import ModelFact, Table, table_path, timm_version, write_table

MODELS = [
    ModelFact("convnext_tiny.in12k_ft_in1k", 224, 1000, "apache-2.0", "timm/convnext_tiny.in12k_ft_in1k", "", True),
    ModelFact("ecaresnet269d.ra2_in1k", 320, 1000, "apache-2.0", "timm/ecaresnet269d.ra2_in1k", "", True),
    ModelFact("nobodys_net", 224, 0, ""),
    ModelFact("resnet18.a1_in1k", 224, 1000, "apache-2.0", "timm/resnet18.a1_in1k", "", True),
    ModelFact("resnet50.tv_in1k", 224, 1000, "bsd-3-clause", "timm/resnet50.tv_in1k", "", True),
    ModelFact("resnext101_32x16d.fb_wsl_ig1b_ft_in1k", 224, 1000, "cc-by-nc-4.0", "timm/x", "", True),
    ModelFact("seresnet152d.ra2_in1k", 256, 1000, "apache-2.0", "timm/seresnet152d.ra2_in1k", "", True),
    ModelFact("tf_efficientnet_lite0.in1k", 224, 1000, "apache-2.0", "timm/tf_efficientnet_lite0.in1k", "", True),
    ModelFact("vit_a_name_that_is_longer_than_others_patch16_gap_512.some_long_tag", 512, 0, "", "", "a.pth", True),
]  # fmt: skip
PARAMETERS = {
    "convnext_tiny": 28_589_128, "ecaresnet269d": 102_093_416, "resnet18": 11_689_512, "resnet50": 25_557_032,
    "resnext101_32x16d": 194_026_792, "seresnet152d": 66_841_864, "tf_efficientnet_lite0": 4_652_008,
    "vit_a_name_that_is_longer_than_others_patch16_gap_512": 93_000_000,
}  # fmt: skip


def make_table() -> None:
    """Write the table where this process looks for it: set ``XDG_CACHE_HOME`` first."""
    write_table(table_path(), Table(timm_version(), MODELS, PARAMETERS, ["nobodys_net"]))
