"""The recipe's sections: every key, its type, range, default and what it means."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Unit = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Pixels = Annotated[int, Field(ge=16, le=4096)]
Zoom = Annotated[float, Field(gt=0, le=10)]


class Section(BaseModel):
    """A table of the recipe: frozen, nothing unknown in it, text that TOML can hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:  # bytes of a file name: TOML couldn't hold them
                raise ValueError("not UTF-8 text; rename the file or folder") from None
        return value


class Data(Section):
    """Where the images are and how they reach the model."""

    train: str = Field("", description="folder with one folder of training images for each class")
    val: str = Field("", description="the same for validation; empty: split off data.train")
    test: str = Field("", description="flat folder of unlabelled images; empty: no prediction")
    val_fraction: Fraction = Field(
        0.15, description="share of each class that validates when data.val is empty"
    )
    pad: Literal["square", "stretch"] = Field("square", description="pad to a square, or stretch to it")
    train_size: Pixels = Field(256, description="side of a training image, px")
    val_size: Pixels = Field(320, description="side of a validation or test image, px")
    batch_size: int = Field(32, ge=1, le=65536, description="images in a step")
    workers: int = Field(
        -1, ge=-1, le=256, description="processes that read images; -1: one for each core, up to 8"
    )
    cache: Literal["auto", "memory", "disk", "off"] = Field(
        "auto",
        description="where decoded images are kept; auto: in memory if they fit cache_mb, else on disk",
    )
    cache_mb: int = Field(
        0,
        ge=0,
        le=2**24,
        description="the memory that may hold decoded images, MB; 0: a quarter of what is free",
    )


class Augment(Section):
    """What changes a training image each time it is seen (method.md, Augmentation), in torchvision's terms."""

    enabled: bool = Field(True, description="off: training images are prepared as validation images are")
    crop_scale: tuple[Unit, Unit] = Field(
        (0.5, 1.0), description="RandomResizedCrop: least and greatest share of the area"
    )
    brightness: Unit = Field(0.4, description="ColorJitter: brightness factor in 1 - this to 1 + this")
    contrast: Unit = Field(0.5, description="ColorJitter: the same for contrast")
    saturation: Unit = Field(0.5, description="ColorJitter: the same for saturation")
    hue: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.3, description="ColorJitter: hue turned by up to this share of the circle"
    )
    hflip: Unit = Field(0.5, description="probability of a horizontal flip")
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(45.0, description="rotated by up to this, degrees")
    translate: Unit = Field(0.1, description="moved by up to this share of the side, each way")
    scale: tuple[Zoom, Zoom] = Field((0.9, 1.1), description="zoomed by a factor between these")
    shear: Annotated[float, Field(ge=0, lt=90)] = Field(10.0, description="sheared by up to this, degrees")
    perspective: Unit = Field(0.3, description="RandomPerspective: distortion_scale")
    perspective_p: Unit = Field(0.5, description="probability of a perspective")
    reprob: Unit = Field(0.4, description="RandomErasing: probability")
    erase_scale: tuple[Unit, Unit] = Field(
        (0.02, 0.25), description="RandomErasing: least and greatest share of the area"
    )


class Mixup(Section):
    """Mixing pairs of images (method.md, Mixup; Zhang et al. 2018)."""

    alpha: float = Field(0.5, ge=0, le=100, description="lambda ~ Beta(alpha, alpha); 0: no mixup")


class Outliers(Section):
    """Leaving out training images that don't belong to their class (method.md, Outlier detection)."""

    method: Literal["none", "autoencoder", "embedding"] = Field(
        "none",
        description="how outliers are found: by an autoencoder for each class, or by the pretrained backbone",
    )
    action: Literal["exclude", "quarantine", "delete"] = Field(
        "exclude",
        description="what happens to their files: nothing, moved beside the data folder, or deleted for good",
    )
    percentile: Annotated[float, Field(ge=50, le=100)] = Field(
        95.0, description="the threshold is this percentile of a class's training errors"
    )
    relax: Annotated[float, Field(ge=0, le=100)] = Field(
        1.1, description="a higher threshold: this times the largest validation error; 0: never"
    )
    epochs: int = Field(30, ge=1, le=10000, description="autoencoder: epochs for each class")
    size: Annotated[int, Field(ge=16, le=1024, multiple_of=4)] = Field(
        128, description="autoencoder: side of its images, px, a multiple of 4"
    )


class Model(Section):
    name: str = Field("seresnet152d.ra2_in1k", min_length=1, max_length=200, description="any timm model")
    pretrained: bool = Field(True, description="start from pretrained weights; false: from random ones")
    weights: str = Field(
        "", description="file of pretrained weights (.safetensors, or .pth with tensors only)"
    )
    drop_rate: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="dropout before the classifier")


class Optim(Section):
    lr: float = Field(1.5e-4, gt=0, le=10, description="AdamW's learning rate at the start")
    weight_decay: float = Field(1e-2, ge=0, le=10, description="AdamW's weight decay")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="smoothing of the targets")
    amp: Literal["auto", "off", "fp16", "bf16"] = Field("auto", description="mixed precision; auto: on a GPU")
    clip_grad: float = Field(0.0, ge=0, le=1e6, description="greatest norm of a step's gradients; 0: any")
    grad_accum_steps: int = Field(
        1,
        ge=1,
        le=4096,
        description="batches whose gradients make one step of the weights; commands are obeyed between two such",
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
        4, ge=1, le=10000, description="counter: decay each time this many epochs brought nothing better"
    )
    patience: int = Field(12, ge=1, le=100000, description="stop after this many epochs with nothing better")
    monitor: Literal["val_acc", "val_loss"] = Field(
        "val_acc", description="the score that 'better' speaks of"
    )
    plateau_patience: int = Field(
        2, ge=0, le=10000, description="plateau: bad epochs that are borne before a decay"
    )
    plateau_threshold: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.01, description="plateau: relative gain that counts"
    )


class Train(Section):
    epochs: int = Field(60, ge=1, le=100000, description="at most this many epochs")
    seed: int = Field(0, ge=0, lt=2**63, description="every random draw follows from it")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="where to train; auto: the GPU if any"
    )
    checkpoint_every: int = Field(
        1, ge=1, le=10000, description="epochs between two saves of checkpoints/last at an epoch's end"
    )
    checkpoint_minutes: float = Field(
        10.0,
        ge=0,
        le=100000,
        description="minutes after which checkpoints/last is saved again, also within an epoch; 0: never",
    )
    model_ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="decay per step of a moving average of the weights, which is then validated and kept; lower in the "
        "first steps: min(decay, (1 + t) / (10 + t)) in step t; 0: none",
    )
    freeze_epochs: int = Field(
        0, ge=0, le=10000, description="first epochs, in which only the head is trained"
    )
    share: Literal["private", "group"] = Field(
        "private", description="who may read the run's folder: its owner alone, or the owner's group too"
    )
    on_nan: Literal["stop", "rollback"] = Field(
        "stop",
        description="when the loss is no longer a number: stop, or train the epoch again from the best weights so far, "
        "lr *= schedule.factor; at most 3 times",
    )
    predict: bool = Field(True, description="write prediction.csv at the end, if there is a test folder")
    compile: bool = Field(False, description="torch.compile: minutes at the start, faster steps after")
