"""Break text into rows by the cells it takes on a terminal."""

from rich.cells import cell_len, chop_cells


def wrap(text: str, width: int) -> list[str]:
    """Return ``text`` in pieces of at most ``width`` cells (at least 4), broken at spaces where it can be."""
    width = max(4, width)
    pieces: list[str] = []
    row = ""
    for word in text.split(" "):
        longer = f"{row} {word}" if row else word
        if cell_len(longer) <= width:
            row = longer
            continue
        if row.strip():
            pieces.append(row)
        *whole, row = chop_cells(word, width) or [""]
        pieces.extend(whole)
    return [*pieces, row]
