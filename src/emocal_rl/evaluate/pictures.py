"""The picture of a record, for the gallery of a report."""

from __future__ import annotations

import io
from collections.abc import Callable

from emocal_rl.data import DataSet


def picture_of(data: DataSet) -> Callable[[str], bytes | None]:
    """A function from row id to PNG bytes (None for an unknown id)."""
    rows = {row.id: row for split in data.splits.values() for row in split}

    def picture(key: str) -> bytes | None:
        if key not in rows:
            return None
        buffer = io.BytesIO()
        rows[key].image.save(buffer, format="PNG")
        return buffer.getvalue()

    return picture
