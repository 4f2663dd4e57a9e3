"""What a thread has to say to a screen or a widget, which may be on its way out by then."""

from collections.abc import Callable

from textual.message_pump import MessagePump


class Late:
    """Calls from any thread, each in its receiver's own turn, or not at all once that is being taken down.

    The app takes a screen's widgets away from the innermost to the outermost, and goes on with its own queue meanwhile:
    what is called from there finds a widget without its children. A receiver's own queue ends before they go.
    """

    def __init__(self, receiver: MessagePump) -> None:
        self._app = receiver.app
        """Known beforehand: a thread finds no way to it from what was taken off."""
        self._receiver = receiver

    def __call__(self, callback: Callable[..., object], *arguments: object) -> None:
        self._app.call_later(self._receiver.call_later, callback, *arguments)
