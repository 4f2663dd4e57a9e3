"""What was given in place of a data folder, and what to do with it: an archive, a table, an image, a run."""

import os
import re
from pathlib import Path
from typing import NamedTuple, NoReturn

from engine.core.errors import UserError
from engine.core.files import open_regular
from engine.core.paths import expand_home
from engine.core.text import nearest, printable, shell_word
from engine.layout.kinds import UNREADABLE, readable_suffixes, sniff

_ADDRESS = re.compile(r"(https?|ftp|s3|gs|az|rsync|ssh|sftp|hdfs):/+", re.IGNORECASE)
_HUB = re.compile(r"(hf-hub:|hf_hub:|hf:/*(datasets/)?|datasets:)", re.IGNORECASE)


class _Packed(NamedTuple):
    """A kind of archive."""

    magic: bytes
    offset: int
    suffixes: tuple[str, ...]
    command: str
    """How to unpack {file} to {folder}."""


_TAR = "mkdir {folder} && tar xf {file} -C {folder}"
_PACKED = (
    _Packed(b"PK\x03\x04", 0, (".zip",), "unzip {file} -d {folder}"),
    _Packed(b"ustar", 257, (".tar",), _TAR),
    _Packed(b"\x1f\x8b", 0, (".tar.gz", ".tgz"), _TAR),
    _Packed(b"BZh", 0, (".tar.bz2", ".tbz2", ".tbz"), _TAR),
    _Packed(b"\xfd7zXZ\0", 0, (".tar.xz", ".txz"), _TAR),
    _Packed(b"\x28\xb5\x2f\xfd", 0, (".tar.zst", ".tzst"), _TAR),
    _Packed(b"7z\xbc\xaf\x27\x1c", 0, (".7z",), "7z x {file} -o{folder}"),
    _Packed(b"Rar!\x1a\x07", 0, (".rar",), "unrar x {file} {folder}/"),
)

_LABELS = "labels are read from the names of folders: put each image into a folder named by its label, DATA/LABEL/*.jpg"
_TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".json", ".jsonl", ".ndjson", ".xml", ".xlsx", ".xls",
           ".ods", ".txt", ".lst")  # fmt: skip
_OTHERS = (".yaml", ".yml")
_WEIGHTS = (".safetensors", ".pth", ".pt", ".ckpt", ".onnx")
_PICKLES = (".pkl", ".pickle", ".joblib", ".bin", ".dat")


def refuse(path: Path, key: str = "") -> NoReturn:
    """Raise UserError for ``path``, which is no data folder: what it is instead, and what to do.

    ``key`` is the option or recipe key that has the path; "": none. At most the first bytes of a file are read.
    """
    said = f"{key}: " if key else ""
    raise UserError(said + (_elsewhere(str(path)) or _missing(path) or _run(path) or _file(path)))


def is_run_folder(path: Path) -> bool:
    """Return whether ``path`` is the folder of a run, which has a journal beside its recipe, and no data folder."""
    return (path / "recipe.toml").is_file() and (path / "events.jsonl").is_file()


def _elsewhere(name: str) -> str:
    """Return the message for what is not on this machine; "" for a path."""
    # A Path has one slash for two.
    if match := _ADDRESS.match(name):
        address = f"{match[1]}://{name[match.end() :]}"
        return (
            f"{printable(address, 200)} is on another machine: download it, unpack it if it is an archive, "
            "and give the folder"
        )
    if match := _HUB.match(name):
        repository = name[match.end() :].strip("/") or "OWNER/NAME"
        folder = shell_word(repository.rpartition("/")[2])
        return (
            f"{printable(name, 200)} is on the Hugging Face hub: download it with: "
            f"hf download {shell_word(repository)} --repo-type dataset --local-dir {folder}; then give that folder"
        )
    return ""


def _missing(path: Path) -> str:
    """Return the message for a path at which nothing is; "" if something is. Raises UserError for an unknown home."""
    shown = printable(str(path)) or "(empty)"
    try:
        path.stat()
    except PermissionError:
        return f"{shown} can't be read: Permission denied; it belongs to someone else, or is read-protected"
    except OSError as error:
        if path.is_symlink():
            return f"{shown} is a link to {printable(str(path.readlink()))}, which can't be opened: {error.strerror}"
    except ValueError:
        return f"{shown} is no path"
    else:
        return ""
    if str(path).startswith("~") and os.path.lexists(expanded := expand_home(path)):
        return f"no such folder: {shown}; in quotes ~ stands for itself: give {printable(str(expanded))}"
    return f"no such folder: {shown}{_near(path)}"


def _near(path: Path) -> str:
    """Return a suggestion for the first part of ``path`` that is missing, "" for none."""
    for parent, child in zip(path.parents, (path, *path.parents), strict=False):
        if not parent.is_dir():
            continue
        try:
            # Besides folders only files of the same kind: an archive for a mistyped one.
            suffix = child.suffix.lower()
            names = [
                entry.name
                for entry in os.scandir(parent)
                if entry.is_dir() or (suffix and entry.name.lower().endswith(suffix))
            ]
        except OSError:
            return ""
        close = nearest(child.name, names, 1)
        close += [name for name in names if name.casefold() == child.name.casefold()][:1]
        if close:
            rest = path.relative_to(child)
            whole = parent / close[-1] / rest
            found = whole if os.path.lexists(whole) else parent / close[-1]
            return f"; did you mean {printable(str(found))}?"
        return "" if child == path else f": there is no {printable(child.name)} in {printable(str(parent))}"
    return ""


def _run(path: Path) -> str:
    """Return the message for a run or a file of one, and for a recipe; "" for anything else."""
    folder = path if path.is_dir() else path.parent
    shown = printable(str(path))
    if is_run_folder(folder):
        what = "is a run" if path.is_dir() else "is a file of a run"
        recipe = shell_word(str(folder / "recipe.toml"))
        return (
            f"{shown} {what}, not data: resume it with: vrdl-tui resume {shell_word(str(folder))}; "
            f"start another like it with: vrdl-tui train DATA --recipe {recipe}"
        )
    if path.suffix.lower() == ".toml":
        return f"{shown} is a recipe, not data: vrdl-tui train DATA --recipe {shell_word(str(path))}"
    return ""


def _file(path: Path) -> str:
    """Return the message for what is a file."""
    shown, suffix = printable(str(path)), path.suffix.lower()
    if path.is_dir():
        return f"{shown} holds no data"
    if not path.is_file():
        return f"{shown} is not a folder but a device or a pipe"
    if packed := _packed(path):
        return f"{shown} is {packed}"
    if suffix in _WEIGHTS:
        weights = shell_word(str(path))
        return f"{shown} is a file of weights, not data: vrdl-tui train DATA --set model.weights={weights}"
    if suffix in _TABLES:
        return f"{shown} is a table or list, not a folder; {_LABELS}"
    if suffix in _OTHERS:
        return f"{shown} describes the data of another program; give the folder that has a folder of images per class"
    kind = sniff(path) or UNREADABLE.get(suffix)
    if (kind is not None and kind.name in ("array", "packed data set")) or suffix in _PICKLES:
        return (
            f"{shown} is a packed data set, not a folder: save each image as PNG or TIFF, as DATA/LABEL/*.png"
        )
    if kind is not None and kind.name == "video":
        return f"{shown} is a video, not a folder: {kind.remedy}, into a folder per class"
    if kind is not None or suffix in readable_suffixes():
        data = printable(str(path.absolute().parent.parent))
        return f"{shown} is one image; give the folder that has a folder of images per class, such as {data}"
    return f"{shown} is a file, not a folder; give the folder that has a folder of images per class"


def _packed(path: Path) -> str:
    """Return what archive it is and how to unpack it, "" if it is none."""
    try:
        with open_regular(path) as file:
            head = file.read(512)
    except OSError:
        head = b""
    name = path.name.lower()
    for packed in _PACKED:
        suffix = next((one for one in packed.suffixes if name.endswith(one)), "")
        if not suffix and not (head.startswith(packed.magic, packed.offset) and _may_be_any(path)):
            continue
        if not suffix and packed.command == _TAR and packed.offset == 0:  # compressed, perhaps no tar
            return "compressed: unpack it, and give the folder that it makes"
        stem = path.name[: -len(suffix)] if suffix else path.name.partition(".")[0]
        folder = path.with_name(stem or "data")
        if folder == path:
            folder = path.with_name(f"{stem}-unpacked")
        command = packed.command.format(file=shell_word(str(path)), folder=shell_word(str(folder)))
        return f"an archive: unpack it with: {command}; then give {printable(str(folder))}"
    return ""


def _may_be_any(path: Path) -> bool:
    """Return whether the suffix doesn't say what a zip is: tables, arrays and weights are zips too."""
    suffix = path.suffix.lower()
    return suffix not in (*_TABLES, *_WEIGHTS, *_PICKLES, ".npz", ".npy", ".mat", ".ora", ".kra", ".sketch")
