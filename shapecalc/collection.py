"""Where many objects are made that are all kept: named tuples of all fields, and the collection of cycles, paused."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["new_tuple", "uncollected"]

new_tuple = tuple.__new__
"""Makes a named tuple of all its fields, in their order: `new_tuple(Node, (…))`.

It takes a third of the time of a call of the class: for where there is one for each layer or tensor of a large file.
"""


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the collection of cycles: graphs and reports have none, and all of their many objects are kept.

    Looking through them again and again takes a third of the time, and more than in proportion to their number. At the
    end they count as old, without a look through them (unless the program has frozen objects of its own).
    Threads that do so at the same time may end the pause of each other early, but never leave it on.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():  # all that was made becomes old at once: it is not looked through now
                gc.freeze()
                gc.unfreeze()
            gc.enable()
