"""What comes late for a widget that is being taken off finds it whole, or is not said at all."""

import asyncio
import threading

from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.late import Late


class SlowToGo(Static):
    """Holds up those it stands in while it goes."""

    async def on_unmount(self) -> None:
        await asyncio.sleep(0.2)


class Quick(Static):
    def __init__(self, gone: asyncio.Event) -> None:
        super().__init__(id="quick")
        self._gone = gone

    def on_unmount(self) -> None:
        self._gone.set()


class Family(Vertical):
    """A widget with children, which counts what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[int] = []
        self.quick_is_gone = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Quick(self.quick_is_gone)
        yield SlowToGo(id="slow")

    def hear(self, number: int) -> None:
        self.query_one("#quick")
        self.heard.append(number)


class Home(App[None]):
    def compose(self) -> ComposeResult:
        yield Family()


def in_a_thread(late: Late, family: Family, number: int) -> None:
    thread = threading.Thread(target=late, args=(family.hear, number))
    thread.start()
    thread.join()


async def test_a_standing_widget_hears() -> None:
    async with Home().run_test() as pilot:
        family = pilot.app.query_one(Family)
        in_a_thread(Late(family), family, 1)
        await pilot.pause()
        assert family.heard == [1]


async def test_one_whose_children_go_hears_nothing() -> None:
    async with Home().run_test() as pilot:
        family = pilot.app.query_one(Family)
        late = Late(family)
        gone = family.remove()
        await family.quick_is_gone.wait()
        assert family.is_attached  # its other child is still on the way out
        in_a_thread(late, family, 1)
        await gone
        await pilot.pause()
        assert family.heard == []


async def test_one_that_is_gone_hears_nothing() -> None:
    async with Home().run_test() as pilot:
        family = pilot.app.query_one(Family)
        late = Late(family)
        await family.remove()
        in_a_thread(late, family, 1)
        await pilot.pause()
        assert family.heard == []
