"""The table of predicted images: picture, class, how sure; and the prediction that is under way."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from engine.analysis.predictions import read_shares
from engine.core.errors import UserError
from engine.core.text import count
from engine.journal.state import Status
from engine.run.directory import RunDir
from tui.late import Late
from tui.screens.looking import PAGES, WAYS
from tui.screens.predictions_acts import PredictionsActs
from tui.screens.whole import Whole
from tui.widgets import prediction_words as words
from tui.widgets.entry import Entry
from tui.widgets.keys import Key, Keys
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, GOOD, KEY, MUTED, Glyphs, styled
from tui.widgets.notice import Notice
from tui.widgets.prediction_items import ORDERS, Loaded, arranged, load
from tui.widgets.prediction_job import PredictionJob
from tui.widgets.prediction_picture import OnePicture
from tui.widgets.prediction_rows import Rows
from tui.widgets.requests import Requests


class PredictionsScreen(PredictionsActs, Whole[bool]):
    """Shows that of a job as soon as it is there, or the run's own, also when the job wrote none.

    Gives back whether another prediction is wanted.
    """

    CSS_PATH = "../styles/predictions.tcss"
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,p", "move(-1)", show=False),
        Binding("down,j,n", "move(1)", show=False),
        *PAGES,
        Binding("s", "sort", "Sort"),
        Binding("slash", "filter", "Filter"),
        Binding("x", "predict", "Predict"),
        Binding("c", "cancel", "Cancel the prediction"),
        Binding("escape,v,b", "back", "Back"),
        *WAYS,
    ]

    def __init__(
        self,
        run: RunDir,
        job: PredictionJob | None,
        status: Callable[[], Status],
        glyphs: Glyphs,
        clock: Callable[[], float],
    ) -> None:
        """``status`` tells how the run stands now."""
        super().__init__()
        self._run = run
        self._job = job
        self._status = status
        self._glyphs = glyphs
        self._clock = clock
        self._requests = Requests(glyphs)
        self._loaded: Loaded | None = None
        self._problem = f"reading{glyphs.ellipsis}"
        self._failure = ""
        """Why the job wrote nothing."""
        self._order = ORDERS[0]
        self._filter = ""
        self._shown: list[int] = []
        """The numbers of the rows that are listed."""
        self._label_width = 5
        self.set_class(glyphs.ascii, "-ascii")

    def compose(self) -> ComposeResult:
        yield Lines(id="heading")
        yield Entry(compact=True, select_on_focus=False, placeholder="bird class:cat p<60", id="filter")
        with Horizontal(id="table"):
            yield Rows(self._glyphs, id="images")
            with Vertical(id="side"):
                yield OnePicture(self._glyphs, id="image")
                yield Lines(id="shares")
        yield Lines(id="nothing")
        yield Notice()
        yield Keys()

    def on_mount(self) -> None:
        job = self._job
        if job is not None:
            late = Late(self)
            job.on_news = lambda: late(self._heard)
        if job is None or (job.ended and not job.problem):
            self._read()
        elif job.ended:
            self._heard()
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def _file(self) -> Path:
        return self._job.wish.out if self._job is not None else self._run.prediction

    def _heard(self) -> None:
        """Hear from the job."""
        job = self._job
        if job is None:
            return
        if job.ended and job.problem:
            self._failure = self._glyphs.clean(f"prediction: {job.problem}")
            self._requests.say(self._failure, BAD, self._clock())
            self._job = None
            self._read()
        elif job.ended:
            part = f", {job.read:,} of {job.images:,} images read" if job.read < job.images else ""
            score = f"; {self._glyphs.clean(job.score)}" if job.score else ""
            self._requests.say(
                f"prediction written: {count(job.rows, 'row')}{part}{score}", GOOD, self._clock()
            )
            self._read()
        self._show()

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        from engine.recipe.recipe import load_recipe

        late, job, file = Late(self), self._job, self._file
        try:
            folder = job.wish.folder if job is not None else None
            own = load_recipe(self._run.recipe).data.test if folder is None else ""
            loaded, problem = load(file, folder or (Path(own) if own else None)), ""
        except UserError as error:
            loaded, problem = None, str(error) if file.exists() else self._failure or "no prediction yet"
        late(self._take, loaded, problem)

    def _take(self, loaded: Loaded | None, problem: str) -> None:
        self._loaded, self._problem = loaded, self._glyphs.clean(problem)
        if loaded is not None and loaded.note and self._order.endswith("certain"):
            self._order = "name"
        longest = max((len(row.label) for row in loaded.rows), default=5) if loaded is not None else 5
        self._label_width = longest
        self._arrange()
        # What was hidden has a size, and so its rows, only after this.
        self.call_after_refresh(self._show)

    def _arrange(self) -> None:
        """Sort and filter anew; the cursor goes to the first row."""
        if self._loaded is not None:
            try:
                self._shown = arranged(self._loaded.rows, self._order, self._filter)
            except UserError as error:
                self._say(str(error), BAD)
                return
            self.query_one("#images", Rows).at = 0
        self._show()

    # what is on screen

    def _show(self) -> None:
        if not self.is_attached:
            return
        loaded, job, glyphs = self._loaded, self._job, self._glyphs
        going = job is not None and not job.ended
        there = loaded is not None
        self.query_one("#table").display = there
        self.query_one("#nothing").display = not there
        self.query_one(Keys).offer(self._keys(there=there, going=going))
        standing = (
            words.under_way(job, glyphs) if job is not None and going else loaded.note if loaded else ""
        )
        self.query_one(Notice).say(
            *(self._requests.word(self._clock()) or (glyphs.clean(standing), KEY if going else MUTED))
        )
        if loaded is None:
            self.query_one("#heading", Lines).show([styled("predictions", KEY)])
            said = words.nothing(self._problem, going, self.size.width - 4)
            self.query_one("#nothing", Lines).show(said)
            return
        file = glyphs.clean(self._file.name)
        head = words.heading(file, len(loaded.rows), len(self._shown), self._order, self.size.width, glyphs)
        self.query_one("#heading", Lines).show([head])
        images = self.query_one("#images", Rows)
        width = max(20, images.size.width - 2)
        label = words.class_width(width, self._label_width)
        images.tell(
            len(self._shown),
            self._row,
            at=images.at,
            head=words.image_head(not loaded.note, label, glyphs),
            empty="no image passes the filter; esc takes it away",
        )
        self._show_image()

    def _row(self, number: int, here: bool, width: int) -> Text:
        assert self._loaded is not None
        row = self._loaded.rows[self._shown[number]]
        label = words.class_width(width, self._label_width)
        return words.image_row(row, here, label, width, self._glyphs)

    def _show_image(self) -> None:
        loaded, at = self._loaded, self.query_one("#images", Rows).at
        picture, shares = self.query_one(OnePicture), self.query_one("#shares", Lines)
        if loaded is None or not self._shown:
            picture.show("", why_none="")
            shares.show([])
            return
        number = self._shown[at]
        near = [self._shown[place] for place in (at + 1, at - 1) if 0 <= place < len(self._shown)]
        row = loaded.rows[number]
        title = self._glyphs.cut_start(self._glyphs.clean(row.name), max(8, picture.size.width - 6))
        why_none = "no picture: no file of that name is in the test folder"
        near_files = [loaded.files[one] for one in near if loaded.files[one]]
        picture.show(loaded.files[number], near_files, title=title, why_none=why_none)
        shares.show(self._share_rows(loaded, number, shares.content_size.width, shares.content_size.height))

    def _share_rows(self, loaded: Loaded, number: int, width: int, height: int) -> list[Text]:
        if not width:
            return []
        if not loaded.places:
            return [styled(self._glyphs.clean(loaded.rows[number].label), MUTED)]
        try:
            found = read_shares(loaded.probabilities, loaded.places[number])
        except UserError:  # written anew meanwhile: it is read again when this is opened
            return []
        return (
            words.share_rows(found, loaded.classes, width, height, self._glyphs)
            if len(found) == len(loaded.classes)
            else []
        )

    def _keys(self, *, there: bool, going: bool) -> list[Key]:
        keys = [Key("s", "sort", "sort"), Key("/", "filter", "filter")] if there else []
        keys += [Key("c", "cancel", "cancel")] if going else [Key("x", "predict", "predict")]
        keys += [Key("^p", "commands", "commands"), Key("esc", "back", "back")]
        return [*keys, Key("?", "help", "help"), Key("q", "leave", "leave")]

    def on_rows_moved(self) -> None:
        self._show_image()

    def action_predict(self) -> None:
        if self._job is not None and not self._job.ended:
            self._say("a prediction is under way; c cancels it", MUTED)
        else:
            self.dismiss(True)

    def action_back(self) -> None:
        if self.has_class("-filter"):
            self.remove_class("-filter")
            self.query_one(Input).value = ""
            self.set_focus(None)
        else:
            self.dismiss(False)
