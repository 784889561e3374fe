"""What `progress=True` shows: tqdm's bar where tqdm is installed, else a line on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import Event

__all__ = ["observer"]


@contextmanager
def observer(
    progress: bool | Callable[[Event], object] | None,
) -> Generator[Callable[[Event], object] | None, None, None]:
    """The callback for the core, and the bar closed afterwards."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        bar = _bar()
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield progress


def _bar() -> _TqdmBar | _PlainBar:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _PlainBar()
    return _TqdmBar(tqdm)


class _TqdmBar:
    """One bar a stage."""

    def __init__(self, tqdm: Any) -> None:
        self.tqdm = tqdm
        self.bar: Any = None
        self.stage = ""

    def __call__(self, event: Event) -> None:
        if event.stage != self.stage:
            self.close()
            self.stage = event.stage
            self.bar = self.tqdm(total=event.total, desc=event.stage.replace("_", " "), leave=False)
        # Pieces end in any order of threads: the bar never goes back.
        self.bar.update(max(0, event.done - self.bar.n))

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


class _PlainBar:
    """One line that is written over."""

    WIDTH = 30

    def __init__(self) -> None:
        self.shown = ""

    def __call__(self, event: Event) -> None:
        # Rows of a database come without a total.
        part = event.done / event.total if event.total else 0.0
        count = f"{event.done}/{event.total}" if event.total else str(event.done)
        bar = "#" * round(part * self.WIDTH)
        line = f"\r{event.stage.replace('_', ' ')} [{bar:<{self.WIDTH}}] {count}"
        if line != self.shown and sys.stderr is not None:
            sys.stderr.write(line.ljust(len(self.shown)))
            sys.stderr.flush()
            self.shown = line

    def close(self) -> None:
        if self.shown and sys.stderr is not None:
            sys.stderr.write("\r" + " " * len(self.shown) + "\r")
            sys.stderr.flush()
