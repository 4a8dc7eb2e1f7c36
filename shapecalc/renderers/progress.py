"""A progress bar for the terminal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress"]


@contextlib.contextmanager
def progress(words: str, whole: int, *, start: int = 0, is_wanted: bool = True) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the amount that is done.

    The bar is shown on standard error, and removed at the end.
    """
    if not is_wanted:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
               TextColumn("{task.completed:,.0f} of {task.total:,.0f}"), TimeRemainingColumn(compact=True))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=whole, completed=start)
        yield lambda done: bar.update(task, completed=done)
