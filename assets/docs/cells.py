"""A screen as a small SVG that looks the same wherever it is shown.

Textual writes a screenshot as text in a web font that a picture on a page may not fetch: what is drawn with
characters (pictures in half blocks, curves in Braille, frames) would fall apart in another font. Here such characters
become shapes, and the rest is text in whatever monospaced font there is, held to its columns.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from rich.cells import cell_len

_RICH_WIDTH, _RICH_HEIGHT, _RICH_BASELINE = 12.2, 24.4, 20.0
WIDTH, HEIGHT = 20, 40
"""Of a cell, in units of the picture."""
_MARGIN, _BASELINE, _FONT = 20, 29, 33
_FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"

_THIN, _THICK = 2, 5
_ARMS = {
    "─": "lr", "│": "ud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu",
    "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru", "┼": "lrud", "╴": "l", "╵": "u", "╶": "r", "╷": "d",
}  # fmt: skip
_HEAVY = {"━": "lr", "┃": "ud", "╸": "l", "╺": "r"}
_QUARTERS = {
    "▖": (2,), "▗": (3,), "▘": (0,), "▝": (1,), "▌": (0, 2), "▐": (1, 3), "▀": (0, 1), "▄": (2, 3), "█": (0, 1, 2, 3),
    "▚": (0, 3), "▞": (1, 2), "▙": (0, 2, 3), "▛": (0, 1, 2), "▜": (0, 1, 3), "▟": (1, 2, 3),
}  # fmt: skip
_LOW, _LEFT = "▁▂▃▄▅▆▇█", "▏▎▍▌▋▊▉█"


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int


class Cell(NamedTuple):
    text: str
    style: str


def compact(screenshot: str) -> str:
    """Return Textual's screenshot (``App.export_screenshot``) as a standalone SVG without fonts, links and ids."""
    root = ElementTree.fromstring(screenshot)
    grounds, cells = _read(root)
    everywhere = [rect for rects in grounds.values() for rect in rects]
    columns = max(rect.x + rect.width for rect in everywhere) // WIDTH
    rows = max(rect.y + rect.height for rect in everywhere) // HEIGHT
    areas: Counter[str] = Counter()
    for colour, rects in grounds.items():
        areas[colour] += sum(rect.width * rect.height for rect in rects)
    ground = areas.most_common(1)[0][0]
    solid = defaultdict(list, {colour: rects for colour, rects in grounds.items() if colour != ground})
    fine: dict[str, list[Rect]] = defaultdict(list)
    texts: dict[str, list[str]] = defaultdict(list)
    for row in range(rows):
        for column, text, style in _runs(cells, row, columns):
            x, y = column * WIDTH, row * HEIGHT
            colour = style.split(";")[0]
            if (blocks := _blocks(text)) is not None:
                solid[colour] += [_at(rect, x, y) for rect in blocks]
            elif (strokes := _strokes(text)) is not None:
                fine[colour] += [_at(rect, x, y) for rect in strokes]
            else:
                length = f' textLength="{cell_len(text) * WIDTH}"' if len(text) > 1 else ""
                texts[style].append(f'<text x="{x}" y="{y + _BASELINE}"{length}>{escape(text)}</text>')
    width, height = columns * WIDTH + 2 * _MARGIN, rows * HEIGHT + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-_MARGIN} {-_MARGIN} {width} {height}">',
        f'<rect x="{-_MARGIN}" y="{-_MARGIN}" width="{width}" height="{height}" rx="16" fill="{ground}"/>',
        '<g shape-rendering="crispEdges">',
        *_paths(solid),
        "</g>",
        *_paths(fine),
        f'<g font-family="{_FONTS}" font-size="{_FONT}">',
    ]
    for style, found in texts.items():
        colour, _, rest = style.partition(";")
        more = f' style="{rest}"' if rest else ""
        lines.append(f'<g fill="{colour}"{more}>{"".join(found)}</g>')
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"


def two_by_two(pictures: Sequence[str]) -> str:
    """Return four pictures of one size as one."""
    _, _, width, height = map(int, re.findall(r'viewBox="(.*?)"', pictures[0])[0].split())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * width + _MARGIN} {2 * height + _MARGIN}">'
    ]
    for number, picture in enumerate(pictures):
        x, y = number % 2 * (width + _MARGIN), number // 2 * (height + _MARGIN)
        place = f'<svg x="{x}" y="{y}" width="{width}" height="{height}" '
        lines.append(picture.strip().replace('<svg xmlns="http://www.w3.org/2000/svg" ', place, 1))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _read(root: ElementTree.Element) -> tuple[dict[str, list[Rect]], dict[tuple[int, int], Cell]]:
    """Return the backgrounds by colour, and the characters by row and column."""
    sheet = "".join(node.text or "" for node in root.iterfind(".//{*}style"))
    styles = {name: _style(rule) for name, rule in re.findall(r"\.([\w-]+-r\d+) \{([^}]*)\}", sheet)}
    grounds: dict[str, list[Rect]] = defaultdict(list)
    cells: dict[tuple[int, int], Cell] = {}
    for node in root.iter():
        kind, get = node.tag.rpartition("}")[2], node.get
        if kind == "rect" and get("shape-rendering"):
            column, width = (round(float(node.attrib[name]) / _RICH_WIDTH) for name in ("x", "width"))
            row = round((float(node.attrib["y"]) - 1.5) / _RICH_HEIGHT)
            rect = Rect(column * WIDTH, row * HEIGHT, width * WIDTH, HEIGHT)
            grounds[node.attrib["fill"]].append(rect)
        elif kind == "text" and (style := styles.get(get("class", ""))) is not None:
            column = round(float(node.attrib["x"]) / _RICH_WIDTH)
            row = round((float(node.attrib["y"]) - _RICH_BASELINE) / _RICH_HEIGHT)
            for char in (node.text or "").replace("\xa0", " ").rstrip("\n"):
                cells[row, column] = Cell(char, style)
                column += cell_len(char)
    return grounds, cells


def _style(rule: str) -> str:
    """Return ``#rrggbb`` with what else there is of a style: ``#ffffff;font-weight:bold``."""
    facts = dict(part.strip().split(": ") for part in rule.strip().split(";") if part.strip())
    colour = facts.pop("fill")
    return ";".join([colour, *(f"{name}:{value}" for name, value in facts.items())])


def _runs(cells: dict[tuple[int, int], Cell], row: int, columns: int) -> Iterator[tuple[int, str, str]]:
    """Yield column, text and style of a row's words: a shape by itself, text as far as its style goes on."""
    start, text, style = 0, "", ""
    for column in range(columns + 1):
        cell = cells.get((row, column), Cell(" ", style))
        shape = _blocks(cell.text) is not None or _strokes(cell.text) is not None
        gap = cell.text == " " and (text.endswith(" ") or not text)
        if text and (gap or shape or cell.style != style or column == columns):
            if text.strip():
                yield start, text.rstrip(), style
            text = ""
        if shape:
            yield column, cell.text, cell.style
        elif cell.text != " " or text:
            if not text:
                start, style = column, cell.style
            text += cell.text


def _blocks(char: str) -> list[Rect] | None:
    """Return the parts of a cell that a block character fills, or None."""
    if char in _QUARTERS:
        half_width, half_height = WIDTH // 2, HEIGHT // 2
        return [
            Rect(number % 2 * half_width, number // 2 * half_height, half_width, half_height)
            for number in _QUARTERS[char]
        ]
    if len(char) == 1 and char in _LOW:
        height = HEIGHT * (_LOW.index(char) + 1) // 8
        return [Rect(0, HEIGHT - height, WIDTH, height)]
    if len(char) == 1 and char in _LEFT:
        return [Rect(0, 0, WIDTH * (_LEFT.index(char) + 1) // 8, HEIGHT)]
    return None


def _strokes(char: str) -> list[Rect] | None:
    """Return the strokes of a line character, or the dots of a Braille one, or None."""
    if len(char) == 1 and 0x2800 <= ord(char) < 0x2900:
        bits = ord(char) - 0x2800
        places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
        return [Rect(2 + 10 * x, 2 + 10 * y, 6, 6) for bit, (x, y) in enumerate(places) if bits >> bit & 1]
    heavy = char in _HEAVY
    arms = _HEAVY.get(char) or _ARMS.get(char)
    if arms is None:
        return None
    thick = _THICK if heavy else _THIN
    x, y = (WIDTH - thick) // 2, (HEIGHT - thick) // 2
    whole = {
        "l": Rect(0, y, x + thick, thick), "r": Rect(x, y, WIDTH - x, thick),
        "u": Rect(x, 0, thick, y + thick), "d": Rect(x, y, thick, HEIGHT - y),
    }  # fmt: skip
    if arms == "lr":
        return [Rect(0, y, WIDTH, thick)]
    return [whole[arm] for arm in arms]


def _at(rect: Rect, x: int, y: int) -> Rect:
    return rect._replace(x=rect.x + x, y=rect.y + y)


def _paths(rects: dict[str, list[Rect]]) -> Iterator[str]:
    """Yield each colour's rectangles as strokes as wide as the rectangles are high: half the bytes of outlines."""
    for colour, found in rects.items():
        drawn: dict[int, list[str]] = defaultdict(list)
        for x, y, width, height in _joined(found):
            drawn[height].append(f"M{x} {y + height / 2:g}h{width}")
        for height, strokes in drawn.items():
            yield f'<path stroke="{colour}" stroke-width="{height}" d="{"".join(strokes)}"/>'


def _joined(rects: Iterable[Rect]) -> list[Rect]:
    """Return the same area with neighbours side by side made one."""
    joined: list[Rect] = []
    for rect in sorted(rects, key=lambda one: (one.y, one.height, one.x)):
        last = joined[-1] if joined else None
        if last and (last.y, last.height, last.x + last.width) == (rect.y, rect.height, rect.x):
            joined[-1] = last._replace(width=last.width + rect.width)
        else:
            joined.append(rect)
    return joined
