"""Pictures: kept as paths, decoded when they are looked at, several at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PIL import Image

from emocal_rl.errors import UserError

if TYPE_CHECKING:
    from emocal_rl.data.rows import Row

Source = Image.Image | Path | Callable[[], Image.Image] | None
"""Where a row's picture is: in memory, a file, something that fetches it, or nowhere (a question in text alone)."""

T = TypeVar("T")
R = TypeVar("R")
WORKERS = min(8, os.cpu_count() or 1)


def open_picture(source: Source) -> Image.Image:
    """The picture in RGB, every pixel decoded.

    Raises:
        UserError: the file is missing or broken, or there is no picture.
    """
    if isinstance(source, Image.Image):
        return source if source.mode == "RGB" else source.convert("RGB")
    if source is None:
        raise UserError("this row has no picture; it can only be put to a model that reads text alone")
    try:
        if not isinstance(source, Path):
            return source().convert("RGB")
        with Image.open(source) as picture:
            return picture.convert("RGB")
    except FileNotFoundError:
        raise UserError(f"image {source} does not exist") from None
    except Exception as problem:  # a broken file makes Pillow raise anything, struct.error and SyntaxError too
        raise UserError(f"image {source} cannot be read: {problem}") from None


def content(source: Source) -> bytes:
    """Bytes that are equal only for equal pictures: a file as it is, else size, mode and pixels.

    Raises UserError for a file that cannot be read.
    """
    if isinstance(source, Path):
        try:
            return source.read_bytes()
        except OSError as problem:
            raise UserError(f"image {source} cannot be read: {problem.strerror}") from None
    if source is None:
        return b""
    picture = open_picture(source)
    return repr((picture.size, picture.mode)).encode() + picture.tobytes()


def parallel(function: Callable[[T], R], items: Iterable[T], workers: int = WORKERS) -> Iterator[R]:
    """`map` in threads: results in order, a few items in flight at a time, so that memory stays flat.

    Pillow decodes without Python's lock, so threads are enough.

    >>> list(parallel(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def decoded(rows: Sequence[Row]) -> list[Row]:
    """The rows with their pictures in memory, decoded in parallel; rows without a picture come back as they are.

    Raises:
        UserError: a picture that cannot be read.
    """
    on_disk = [row.source for row in rows if not isinstance(row.source, Image.Image | None)]
    if not on_disk:
        return list(rows)
    pictures = parallel(open_picture, on_disk)
    return [row if isinstance(row.source, Image.Image | None) else replace(row, source=next(pictures)) for row in rows]
