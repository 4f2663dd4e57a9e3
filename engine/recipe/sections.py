"""The sections of the recipe: every key with its type, range, default and description."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.core.pattern import Pattern

Unit = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""
Fraction = Annotated[float, Field(gt=0, lt=1)]
"""A number between 0 and 1, both excluded."""
Pixels = Annotated[int, Field(ge=16, le=4096)]
"""The side of an image, 16 to 4096 px."""
Zoom = Annotated[float, Field(gt=0, le=10)]
"""A factor above 0 and at most 10."""


class Section(BaseModel):
    """A table of the recipe: frozen, unknown keys are rejected, text must be valid UTF-8."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:  # undecodable bytes of a file name
                raise ValueError("not UTF-8 text; rename the file or folder") from None
        return value


class Data(Section):
    """Where the images are and how they are loaded."""

    train: str = Field("", description="folder with one folder of training images per class")
    val: str = Field("", description="the same for validation; empty: split off data.train")
    test: str = Field(
        "",
        description="folder of test images; those in folders named like classes are scored; empty: no prediction",
    )
    recursive: bool = Field(
        True, description="false: only images directly in their class's folder, none in sub-folders"
    )
    val_fraction: Fraction = Field(
        0.15, description="fraction of each class used for validation if data.val is empty"
    )
    group: str = Field(
        "",
        description="regular expression on file names; images for which its first group (or whole match) is the same, "
        "such as those of one patient, stay on one side of the split; empty: each image for itself",
    )
    duplicates: Literal["keep", "drop_from_train"] = Field(
        "keep",
        description="exact copies: keep them, or drop from training those of validation and test images and second "
        "copies within a class",
    )
    pad: Literal["square", "stretch"] = Field(
        "square", description="pad to a square, which keeps proportions, or stretch"
    )
    train_size: Pixels = Field(256, description="side of a training image, px")
    val_size: Pixels = Field(320, description="side of a validation or test image, px")
    batch_size: int = Field(32, ge=1, le=65536, description="images per batch")
    workers: int = Field(
        -1, ge=-1, le=256, description="processes that load images; -1: one per core, up to 8"
    )
    cache: Literal["auto", "memory", "disk", "off"] = Field(
        "auto",
        description="where decoded images are kept; auto: in memory if they fit cache_mb, else on disk",
    )
    cache_mb: int = Field(
        0,
        ge=0,
        le=2**24,
        description="memory for decoded images, MB; 0: a quarter of the free memory",
    )
    max_pixels: int = Field(
        250_000_000,
        ge=10_000,
        le=2**32,
        description="largest image that is decoded, in pixels; a JPEG that is decoded at 1/8 counts as an eighth",
    )

    @field_validator("group")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        Pattern(value)
        return value


class Augment(Section):
    """Random changes of each training image (method.md, Augmentation), in the terms of torchvision's transforms."""

    enabled: bool = Field(True, description="false: prepare training images like validation images")
    crop_scale: tuple[Unit, Unit] = Field(
        (0.5, 1.0), description="RandomResizedCrop: smallest and largest fraction of the area"
    )
    brightness: Unit = Field(0.4, description="ColorJitter: brightness factor in 1 - this to 1 + this")
    contrast: Unit = Field(0.5, description="ColorJitter: the same for contrast")
    saturation: Unit = Field(0.5, description="ColorJitter: the same for saturation")
    hue: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.3, description="ColorJitter: largest hue shift, as a fraction of the colour circle"
    )
    hflip: Unit = Field(0.5, description="probability of a horizontal flip")
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(45.0, description="largest rotation, degrees")
    translate: Unit = Field(0.1, description="largest shift in each direction, as a fraction of the side")
    scale: tuple[Zoom, Zoom] = Field((0.9, 1.1), description="smallest and largest zoom factor")
    shear: Annotated[float, Field(ge=0, lt=90)] = Field(10.0, description="largest shear, degrees")
    perspective: Unit = Field(0.3, description="RandomPerspective: distortion_scale")
    perspective_p: Unit = Field(0.5, description="RandomPerspective: probability")
    reprob: Unit = Field(0.4, description="RandomErasing: probability")
    erase_scale: tuple[Unit, Unit] = Field(
        (0.02, 0.25), description="RandomErasing: smallest and largest fraction of the area"
    )


class Mixup(Section):
    """Training on mixtures of two images and their labels (method.md, Mixup; Zhang et al. 2018)."""

    alpha: float = Field(0.5, ge=0, le=100, description="lambda ~ Beta(alpha, alpha); 0: no mixup")


class Outliers(Section):
    """Excluding training images that don't belong to their class (method.md, Outlier detection)."""

    method: Literal["none", "autoencoder", "embedding"] = Field(
        "none",
        description="how outliers are found: by an autoencoder per class, or by the pretrained backbone",
    )
    action: Literal["exclude", "quarantine", "delete"] = Field(
        "exclude",
        description="what happens to their files: nothing, a move beside the data folder, or permanent deletion",
    )
    percentile: Annotated[float, Field(ge=50, le=100)] = Field(
        95.0, description="the threshold is this percentile of a class's training errors"
    )
    relax: Annotated[float, Field(ge=0, le=100)] = Field(
        1.1,
        description="if a validation error exceeds the threshold: raise it to this times the largest; 0: never",
    )
    epochs: int = Field(30, ge=1, le=10000, description="autoencoder: epochs per class")
    size: Annotated[int, Field(ge=16, le=1024, multiple_of=4)] = Field(
        128, description="autoencoder: side of its images, px, a multiple of 4"
    )


class Model(Section):
    """The network and its initial weights."""

    name: str = Field(
        "seresnet152d.ra2_in1k", min_length=1, max_length=200, description="name of any timm model"
    )
    pretrained: bool = Field(True, description="start from pretrained weights; false: random initialization")
    weights: str = Field(
        "",
        description="file of pretrained weights (.safetensors, .pth, .pt, .bin or .ckpt), or the folder that holds it",
    )
    drop_rate: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="dropout rate before the classifier"
    )


class Optim(Section):
    """The loss and the optimizer, AdamW (Loshchilov and Hutter 2019)."""

    lr: float = Field(1.5e-4, gt=0, le=10, description="AdamW's learning rate at the start")
    weight_decay: float = Field(1e-2, ge=0, le=10, description="AdamW's weight decay")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="label smoothing of the loss"
    )
    amp: Literal["auto", "off", "fp16", "bf16"] = Field("auto", description="mixed precision; auto: on a GPU")
    clip_grad: float = Field(0.0, ge=0, le=1e6, description="largest gradient norm of a step; 0: unlimited")
    grad_accum_steps: int = Field(
        1,
        ge=1,
        le=4096,
        description="batches per optimizer step, for batches larger than memory allows; commands take effect between "
        "two steps",
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="lr *= this for each layer further from the head; 1: one lr for all"
    )


class Schedule(Section):
    """Learning-rate decay and early stopping (method.md, Learning-rate rule)."""

    kind: Literal["counter", "plateau", "cosine"] = Field(
        "counter", description="what lowers the learning rate"
    )
    factor: Fraction = Field(0.6, description="lr *= factor at each decay")
    every: int = Field(
        4, ge=1, le=10000, description="counter: epochs without improvement between two decays"
    )
    patience: int = Field(12, ge=1, le=100000, description="epochs without improvement before training stops")
    monitor: Literal["val_acc", "val_loss"] = Field(
        "val_acc", description="the score by which an epoch is an improvement"
    )
    plateau_patience: int = Field(
        2, ge=0, le=10000, description="plateau: epochs without improvement tolerated before a decay"
    )
    plateau_threshold: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.01, description="plateau: smallest relative decrease of the loss that counts as an improvement"
    )


class Predict(Section):
    """What the prediction for the test images contains."""

    unreadable: Literal["skip", "blank", "majority"] = Field(
        "skip",
        description="the row of a test image that can't be read: none, one without label, or one with the label that "
        "most others got",
    )


class Train(Section):
    """How long and where to train, and what to save."""

    epochs: int = Field(60, ge=1, le=100000, description="at most this many epochs")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of all random draws")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="where to train; auto: the GPU if any"
    )
    checkpoint_every: int = Field(
        1, ge=1, le=10000, description="epochs between two saves of checkpoints/last at the end of an epoch"
    )
    checkpoint_minutes: float = Field(
        10.0,
        ge=0,
        le=100000,
        description="minutes between two saves of checkpoints/last, also within an epoch; 0: never",
    )
    model_ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="decay per step of a moving average of the weights (EMA), which is then validated and saved; "
        "lower in the first steps: min(decay, (1 + t) / (10 + t)) in step t; 0: none",
    )
    freeze_epochs: int = Field(
        0, ge=0, le=10000, description="number of first epochs that train only the head"
    )
    share: Literal["private", "group"] = Field(
        "private", description="who may read the run's folder: its owner alone, or the owner's group too"
    )
    on_nan: Literal["stop", "rollback"] = Field(
        "stop",
        description="when the loss is not finite: stop, or train the epoch again from the best weights so far with "
        "lr *= schedule.factor, at most 3 times",
    )
    predict: bool = Field(True, description="write prediction.csv at the end, if there is a test folder")
    compile: bool = Field(False, description="torch.compile: faster steps after a start of minutes")
