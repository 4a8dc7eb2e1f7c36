"""The collection of cycles, which is paused while many objects are made that are all kept."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["uncollected"]


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
