"""Kinds of files: which suffixes are images that this installation reads, and what a file is by its first bytes.

Nothing is decoded and Pillow isn't imported, so that the console can use these tables. ``engine.data.decode`` opens
the formats that are readable here by their content, whatever their suffix.
"""

import os
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.core.files import open_regular


class Kind(NamedTuple):
    """A kind of image or video file."""

    name: str
    """As shown: ``HEIC``, ``camera raw``."""
    remedy: str = ""
    """What to do so that its images are used; "" if this installation reads them."""

    @property
    def readable(self) -> bool:
        """Whether this installation reads it."""
        return not self.remedy


_CONVERT = "convert to PNG or JPEG"
_DEVELOP = "develop to JPEG or TIFF"
_RENDER = "render to PNG"
_FRAMES = "extract frames: ffmpeg -i VIDEO %05d.jpg"
_ARRAYS = "save each image as PNG or TIFF"
_HEIF = "pip install 'vrdl-tui[heif]'"
_JXL = "pip install 'vrdl-tui[jxl]'"
_PILLOW = "pip install 'pillow>=11.3'"

_READABLE = {
    "JPEG": "jpg jpeg jpe jfif mpo",
    "PNG": "png apng",
    "WebP": "webp",
    "BMP": "bmp dib",
    "TIFF": "tif tiff",
    "GIF": "gif",
    "JPEG 2000": "jp2 j2k j2c jpc jpf jpx",
    "PPM": "ppm pgm pbm pnm pfm",
    "TGA": "tga icb vda vst",
}
_IF_INSTALLED = {
    "HEIC": ("heic heics heif heifs hif", _HEIF),
    "AVIF": ("avif avifs", _PILLOW),
    "JPEG XL": ("jxl", _JXL),
}
_UNREADABLE = (
    (
        "camera raw",
        _DEVELOP,
        "cr2 cr3 crw nef nrw arw sr2 srf dng orf rw2 rwl raf pef srw x3f raw erf kdc dcr k25 mrw 3fr fff iiq mef mos "
        "gpr",
    ),
    ("SVG", _RENDER, "svg svgz"),
    ("PostScript", _RENDER, "eps epsf ps ai wmf emf"),
    ("DICOM", "export as PNG or TIFF", "dcm dicom"),
    ("Photoshop", _CONVERT, "psd psb"),
    ("layered drawing", _CONVERT, "xcf kra ora clip afphoto sketch"),
    ("EXR", _CONVERT, "exr"),
    ("Radiance HDR", _CONVERT, "hdr rgbe"),
    ("microscope image", "export as TIFF", "czi lif nd2 svs ndpi vsi oib oif lsm mrxs scn bif ims stk"),
    ("volume", "save its slices as PNG or TIFF", "nii mha mhd nrrd mnc mgz"),
    ("FITS", _CONVERT, "fits fit fts"),
    ("array", _ARRAYS, "npy npz mat h5 hdf5 hdf zarr"),
    ("packed data set", _ARRAYS, "tfrecord tfrecords lmdb mdb parquet arrow rec idx webdataset"),
    ("JPEG XR", _CONVERT, "jxr wdp hdp"),
    ("lossless JPEG", _CONVERT, "jls ljpg"),
    (
        "rare format",
        _CONVERT,
        "ico cur icns pcx dcx dds sgi rgb rgba bw ras sun xbm xpm qoi pict pct pcd fli flc flif bpg djvu djv jng mng "
        "ktx ktx2 astc pvr cin dpx iff ilbm palm pam jpm jbig jbig2 jb2 heix wbmp xwd",
    ),
    (
        "video",
        _FRAMES,
        "mp4 m4v mov avi mkv webm mpg mpeg wmv flv 3gp 3g2 mts m2ts ogv vob asf mxf gifv insv",
    ),
)


def _dotted(names: str) -> tuple[str, ...]:
    return tuple(f".{name}" for name in names.split())


TGA_SUFFIXES = frozenset(_dotted(_READABLE["TGA"]))
"""Suffixes (lower case) of TGA, whose first version has no sign of its own."""


UNREADABLE: dict[str, Kind] = {
    suffix: Kind(name, remedy)
    for name, remedy, suffixes in (
        *_UNREADABLE,
        *((name, remedy, suffixes) for name, (suffixes, remedy) in _IF_INSTALLED.items()),
    )
    for suffix in _dotted(suffixes)
}
"""Suffix (lower case) to kind, of images and videos that can't be read.

HEIC, AVIF and JPEG XL are in it too: look into ``readable_suffixes`` first.
"""

NOT_IMAGES: frozenset[str] = frozenset(
    _dotted(
        "txt csv tsv json jsonl ndjson geojson xml yaml yml toml ini cfg conf log md rst html htm css js ts py ipynb "
        "sh bat r m c cpp h java pdf doc docx odt rtf xls xlsx ods ppt pptx odp zip tar gz tgz bz2 xz zst 7z rar lz4 "
        "iso db sqlite sqlite3 pkl pickle joblib pt pth ckpt safetensors onnx pb tflite bin dat lock tmp bak part "
        "crdownload aria2 xmp aae thm modd moff exif thumb ini url lnk desktop torrent md5 sha1 sha256 sig license "
        "mp3 wav flac ogg m4a aac opus mid srt vtt ttf otf exe dll so dylib app apk class jar o pyc names data "
        "prj shp dbf shx wkt tfw jgw pgw cache orig rej swp"
    )
)
"""Suffixes (lower case) of files that are no images: labels, texts, archives, sidecar files, weights, sound."""


@cache
def readable_suffixes() -> frozenset[str]:
    """Return the suffixes (lower case, with the dot) of images that this installation reads."""
    kinds = [suffixes for name, suffixes in _READABLE.items() if name != "WebP" or _pillow_has("_webp")]
    kinds += [suffixes for name, (suffixes, _) in _IF_INSTALLED.items() if installed(name)]
    return frozenset(suffix for suffixes in kinds for suffix in _dotted(suffixes))


@cache
def installed(name: str) -> bool:
    """Return whether the decoder of ``HEIC``, ``AVIF`` or ``JPEG XL`` is installed; nothing of it is imported."""
    if name == "AVIF":
        return _pillow_has("_avif")
    return find_spec({"HEIC": "pillow_heif", "JPEG XL": "pillow_jxl"}[name]) is not None


def _pillow_has(module: str) -> bool:
    """Return whether Pillow was built with the extension ``module``."""
    spec = find_spec("PIL")
    folders = spec.submodule_search_locations if spec else None
    return any(next(Path(folder).glob(f"{module}.*.so"), None) for folder in folders or ())


HEAD = 512
"""Number of first bytes by which a file's kind is told."""
_FOOTER = b"TRUEVISION-XFILE.\0"

_SIGNS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"IIRO", "camera raw"),
    (0, b"IIRS", "camera raw"),
    (0, b"MMOR", "camera raw"),
    (0, b"IIU\0", "camera raw"),
    (0, b"FUJIFILMCCD-RAW", "camera raw"),
    (0, b"FOVb", "camera raw"),
    (8, b"CR\x02", "camera raw"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"8BPS", "Photoshop"),
    (0, b"gimp xcf", "layered drawing"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"\x76\x2f\x31\x01", "EXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\0", "volume"),
    (344, b"ni1\0", "volume"),
    (0, b"NRRD000", "volume"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x93NUMPY", "array"),
    (0, b"\x89HDF\r\n\x1a\n", "array"),
    (0, b"PAR1", "packed data set"),
    (0, b"\0\0\x01\0", "rare format"),
    (0, b"DDS ", "rare format"),
    (0, b"qoif", "rare format"),
    (0, b"FLIF", "rare format"),
    (0, b"BPG\xfb", "rare format"),
    (0, b"AT&TFORM", "rare format"),
    (0, b"\x1aE\xdf\xa3", "video"),
    (0, b"\0\0\x01\xba", "video"),
    (0, b"\0\0\x01\xb3", "video"),
    (0, b"FLV\x01", "video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),
)
"""Offset, bytes and the kind that they are the sign of; the first that fits decides."""

_PNM = re.compile(rb"P[1-6][\s#][\s\d#]|P[fF]\s\d|PF\s")
_SVG = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg|<svg)", re.DOTALL)
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_REMEDIES = {name: remedy for name, remedy, _ in _UNREADABLE}


def sniff(path: Path) -> Kind | None:
    """Return what the file at ``path`` is by its first bytes, None if no image or video is recognised.

    Only a regular file is opened (following links), and at most a block of it is read; a pipe or device is never waited
    for. Also None for a file that can't be opened.
    """
    try:
        with open_regular(path) as file:
            return kind_of(os.pread(file.fileno(), HEAD, 0)) or (
                Kind("TGA") if has_tga_footer(file) else None
            )
    except OSError:
        return None


def kind_of(head: bytes) -> Kind | None:
    """Return the kind of image or video that begins with the bytes ``head``, None if it is none."""
    name = _named(head)
    if not name:
        return None
    if name in _IF_INSTALLED:
        return Kind(name, "" if installed(name) else _IF_INSTALLED[name][1])
    return Kind(name, _REMEDIES.get(name, ""))


def has_tga_footer(file: BinaryIO) -> bool:
    """Return whether an open file ends as a TGA of version 2 does; TGA has no sign at its beginning. Raises OSError."""
    size = os.fstat(file.fileno()).st_size
    return size >= 26 + 18 and os.pread(file.fileno(), len(_FOOTER), size - len(_FOOTER)) == _FOOTER


def _named(head: bytes) -> str:
    """Return the kind that a file with these first bytes is of, "" for none."""
    for offset, sign, name in _SIGNS:
        if head.startswith(sign, offset):
            return name
    if head[:4] == b"RIFF":
        return {b"WEBP": "WebP", b"AVI ": "video"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _container(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if _PNM.match(head):
        return "PPM"
    return "SVG" if _SVG.match(head) else ""


def _container(head: bytes) -> str:
    """Return the kind of an ISO base media file (HEIF, AVIF, MP4 …) by its brands."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length, 4))}
    if head[8:12] == b"crx ":
        return "camera raw"
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"hevm",
        b"hevs",
        b"mif1",
        b"msf1",
        b"mif2",
    }:
        return "HEIC"
    return "video"
