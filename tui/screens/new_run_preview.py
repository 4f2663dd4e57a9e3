"""A batch as the model would see it in training: pictures that a helper augments and mixes by the recipe."""

import os
from typing import Any, ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from engine.recipe.recipe import Recipe
from tui.late import Late
from tui.screens.box import TextBlock
from tui.screens.whole import Whole
from tui.thumbnails import Thumbnail, Thumbnails
from tui.widgets.edge import edge_says
from tui.widgets.form_helper import RecipeHelper
from tui.widgets.gallery_graphics import cell_size, terminal_graphics
from tui.widgets.gallery_words import picture_words
from tui.widgets.keys import Key, Keys
from tui.widgets.look import BAD, KEY, MUTED, STRONG, Glyphs, styled
from tui.widgets.notice import Notice
from tui.widgets.picture import Picture

_LEAST_WIDTH, _LEAST_HEIGHT = 19, 10


class PreviewScreen(Whole[None]):
    """Shows the first images of an epoch's first batch; each epoch draws anew."""

    CSS_PATH = "../styles/new_run.tcss"
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "epoch(1)", "Next epoch"),
        Binding("p,left", "epoch(-1)", "Epoch before"),
        Binding("escape,q,v,ctrl+c,ctrl+q", "back", "Back"),
        Binding("question_mark,f1", "help", "Help"),
    ]

    def __init__(self, recipe: Recipe, size: tuple[int, int], glyphs: Glyphs) -> None:
        """``size``: of the terminal, by which is settled how many pictures there are."""
        super().__init__()
        self._recipe = recipe
        self._glyphs = glyphs
        self._graphics = terminal_graphics(os.environ, cell_size())
        self._across = max(1, size[0] // _LEAST_WIDTH)
        self._down = max(1, (size[1] - 3) // _LEAST_HEIGHT)
        self._count = min(self._across * self._down, recipe.data.batch_size)
        self._epoch = 1
        self._shown: list[dict[str, Any]] = []
        self._helper: RecipeHelper | None = None
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield TextBlock([styled("preview", KEY)], id="title")
        with Container(id="grid") as grid:
            grid.styles.grid_size_columns = self._across
            for number in range(self._count):
                yield Picture(self._graphics, id=f"picture-{number}")
        yield Notice()
        yield Keys()

    def on_mount(self) -> None:
        late = Late(self)
        self._thumbnails = Thumbnails(lambda: late(self._show_pictures))
        keys = [Key("n", "next epoch", "epoch(1)"), Key("p", "epoch before", "epoch(-1)")]
        self.query_one(Keys).offer([*keys, Key("?", "help", "help"), Key("esc", "back", "back")])
        blind = picture_words(no_color=self.app.no_color, ascii=self._glyphs.ascii)
        self._say(blind, MUTED)
        self._begin()

    def on_unmount(self) -> None:
        self._thumbnails.stop()
        if self._helper is not None:
            self._helper.close()

    def _begin(self) -> None:
        """Have the epoch's pictures made."""
        if self._helper is not None:
            self._helper.close()
        augment = self._recipe.augment
        said = "as training sees them" if augment.enabled else "augment.enabled is false: as they are"
        mixed = f", mixed (mixup.alpha {self._recipe.mixup.alpha})" if self._recipe.mixup.alpha > 0 else ""
        title = styled("preview ", KEY).append(f"epoch {self._epoch}", STRONG)
        self.query_one("#title", TextBlock).say([title.append(f"   {said}{mixed}", MUTED)])
        self._shown = []
        self._show_pictures()
        late, epoch = Late(self), self._epoch
        self._helper = RecipeHelper(
            "engine.tools.preview", self._recipe, ["{folder}", str(self._count), str(epoch)],
            lambda fact: late(self._made, epoch, fact),
            lambda problem: late(self._ended, problem),
        )  # fmt: skip

    def _made(self, epoch: int, fact: dict[str, Any]) -> None:
        if epoch == self._epoch:
            self._shown.append(fact)
            self._show_pictures()

    def _ended(self, problem: str) -> None:
        if problem:
            self._say(self._glyphs.clean(problem), BAD)

    def _say(self, text: str, style: Style) -> None:
        notice = self.query_one(Notice)
        notice.display = bool(text)
        notice.say(text, style)

    def on_picture_resized(self) -> None:
        self._show_pictures()

    def _show_pictures(self) -> None:
        if not self.is_attached:
            return
        blind = picture_words(no_color=self.app.no_color, ascii=self._glyphs.ascii)
        wishes = []
        for number, pane in enumerate(self.query(Picture)):
            if number >= len(self._shown):
                pane.show(f"making{self._glyphs.ellipsis}" if not self._shown else "")
                continue
            fact = self._shown[number]
            edge_says(pane, title=self._glyphs.clean(_title(fact)))
            wanted = pane.wanted(str(fact["path"]))
            if blind:
                pane.show(self._glyphs.clean(str(fact["file"])))
            elif wanted.width and wanted.height:
                wishes.append(wanted)
                pane.show(self._seen(self._thumbnails.get(wanted)))
        self._thumbnails.want(wishes)

    def _seen(self, thumbnail: Thumbnail | None) -> Thumbnail | str:
        if thumbnail is None:
            return f"reading{self._glyphs.ellipsis}"
        return self._glyphs.clean(f"no picture: {thumbnail.reason}") if thumbnail.reason else thumbnail

    # what the keys do

    def action_epoch(self, step: int) -> None:
        epoch = max(1, self._epoch + step)
        if epoch != self._epoch:
            self._epoch = epoch
            self._begin()

    def action_back(self) -> None:
        self.dismiss(None)

    def action_help(self) -> None:
        from tui.screens.new_run_help import PREVIEW, KeysHelpScreen

        self.app.push_screen(KeysHelpScreen("help: preview", PREVIEW, self._glyphs))

    async def on_keys_pressed(self, message: Keys.Pressed) -> None:
        await self.run_action(message.action)


def _title(fact: dict[str, Any]) -> str:
    """Name the class; of a mixed picture both, with the first one's share."""
    share = float(fact["share"])
    if not fact["partner"]:
        return str(fact["class"])
    return f"{share:.0%} {fact['class']}, {fact['partner']}"
