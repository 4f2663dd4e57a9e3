"""What the environment says of the terminal's characters."""

import pytest

from tui.cli.terminal import locale_is_utf8, locale_name


@pytest.mark.parametrize(
    ("environment", "name", "utf8"),
    [
        ({}, "", False),
        ({"LANG": "C.UTF-8"}, "C.UTF-8", True),
        ({"LANG": "de_DE.utf8"}, "de_DE.utf8", True),
        ({"LANG": "en_US.ISO-8859-1"}, "en_US.ISO-8859-1", False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, "C", False),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, "en_US.UTF-8", True),
        ({"LC_CTYPE": "C.UTF-8"}, "", False),  # Python's own doing where nothing is set
        ({"LANG": "POSIX", "LC_CTYPE": "C.UTF-8"}, "POSIX", False),
        ({"LC_CTYPE": "UTF-8"}, "UTF-8", True),  # a Mac's, sent along by ssh
    ],
)
def test_locale(environment: dict[str, str], name: str, utf8: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert (locale_name(), locale_is_utf8()) == (name, utf8)
