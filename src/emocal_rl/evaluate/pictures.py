"""The picture of a record, for the gallery of a report."""

from __future__ import annotations

import io
from collections.abc import Callable

from emocal_rl.data import DataSet


def picture_of(data: DataSet) -> Callable[[str], bytes | None]:
    """A function from row id to PNG bytes (None for an unknown id)."""

    def picture(key: str) -> bytes | None:
        row = data.find(key)
        if row is None or row.source is None:
            return None
        buffer = io.BytesIO()
        row.image.save(buffer, format="PNG")
        return buffer.getvalue()

    return picture
