"""What every test has: no network, and no more threads than the worker of pytest-xdist has cores."""

import os

from tests.warm import LIBRARIES

os.environ.update(LIBRARIES)
