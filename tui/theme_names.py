"""The themes by name: what the command line takes without drawing anything."""

from typing import Literal, get_args

ThemeName = Literal["dark", "light", "high-contrast", "colour-blind"]
THEME_NAMES: tuple[ThemeName, ...] = get_args(ThemeName)
