"""A thread that watches the ablations whose runs are listed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import UserError
from tui.lookout import Lookout

if TYPE_CHECKING:
    from tui.ablations import AblationReader, Standing

_PERIOD = 1.0


class AblationWatch(Lookout):
    """Calls ``on_news`` from its thread with how they stand, whenever that has changed."""

    def __init__(self, on_news: "Callable[[list[Standing]], object]") -> None:
        super().__init__("ablations")
        self._on_news = on_news
        self._readers: dict[Path, AblationReader] = {}
        self._wanted: frozenset[Path] = frozenset()

    def want(self, folders: frozenset[Path]) -> None:
        """Watch those of ``folders`` that hold an ablation."""
        if folders != self._wanted:
            self._wanted = folders
            self.look_now()

    def _watch(self) -> None:
        told: list[Standing] = []
        while not self._stopped:
            wanted = self._wanted
            standings = [one for folder in sorted(wanted) if (one := self._read(folder)) is not None]
            if standings != told and not self._stopped:
                told = standings
                self._on_news(standings)
            self._rest(_PERIOD)

    def _read(self, folder: Path) -> "Standing | None":
        if not (folder / "ablation.toml").exists():
            return None
        from tui.ablations import AblationReader

        try:
            return self._readers.setdefault(folder, AblationReader(folder)).read()
        except (UserError, OSError):  # damaged, or away: the runs themselves are listed all the same
            return None
