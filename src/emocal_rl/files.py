"""Files that survive kill -9 and say clearly when the disk is full."""

import errno
import fcntl
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from emocal_rl.errors import UserError

# Libraries that write files themselves report a full disk in words of their own (safetensors, torch.save).
_FULL_WORDS = ("no space left on device", "disk quota exceeded")
_TORN_WRITE = ("file write failed", "unexpected pos")  # torch.save, which loses the errno
_NEARLY_FULL = 50e6


def disk_full(error: BaseException | None, path: Path) -> UserError | None:
    """The line for a full disk when `error`, or what caused it, means that; else None."""
    while error is not None:
        text = str(error).lower()
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        torn = any(words in text for words in _TORN_WRITE) and free_bytes(path) < _NEARLY_FULL
        if full or torn or any(words in text for words in _FULL_WORDS):
            return UserError(f"{path}: the disk is full ({megabytes(free_bytes(path))} free); make room there")
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating-system error while writing `path` into one clear line."""
    try:
        yield
    except OSError as error:
        raise (disk_full(error, path) or UserError(f"{path}: cannot be written: {error.strerror}")) from error


def free_bytes(path: Path) -> int:
    """Free bytes on the disk that holds `path`, which need not exist yet."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def megabytes(count: float) -> str:
    """A number of bytes for people.

    >>> megabytes(0), megabytes(312_500_000), megabytes(2_500_000_000)
    ('0 MB', '312 MB', '2.5 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def write_text(path: Path, text: str) -> None:
    """Write the whole file or nothing: a temporary file, flushed to the disk, then a rename over `path`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """As `write_text`."""
    _write(path, [data])


def _write(path: Path, parts: Iterable[bytes]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, data: object) -> None:
    """`write_text` of indented JSON."""
    write_text(path, json.dumps(plain(data), indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """`write_text` of one JSON object a line; the whole text is never in memory."""
    _write(path, ((json.dumps(plain(row), ensure_ascii=False) + "\n").encode("utf-8") for row in rows))


def plain(value: Any) -> Any:
    """`value` in plain JSON types: NaN and infinity become null, numpy and torch scalars and arrays become numbers.

    >>> plain({"loss": float("nan"), "steps": (1, 2)})
    {'loss': None, 'steps': [1, 2]}
    """
    if value is None or type(value) in (str, int, bool):  # most of what there is; the checks below take far longer
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


class JsonLines:
    """A file of one JSON object a line, appended and flushed at once.

    Opening it repairs what a kill left behind: a last line that was not finished is cut off; one that only lacks its
    end (written by hand, perhaps) is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn_line(path)
            self._file: TextIO = path.open("a", encoding="utf-8")

    def append(self, row: dict[str, Any]) -> None:
        """Add one row."""
        with writing(self.path):
            self._file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")
            self._file.flush()

    def read(self) -> list[dict[str, Any]]:
        """Every row so far."""
        return read_jsonl(self.path)

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drop the rows that are not `wanted`."""
        rows = [row for row in self.read() if wanted(row)]
        self._file.close()
        write_jsonl(self.path, rows)
        self._file = self.path.open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_jsonl(path: Path, broken: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
    """The rows of a file of one JSON object a line; empty lines are passed over.

    A line that is none is a `UserError` that names it, unless `broken` is given: it is told, and reading goes on.
    """
    return [row for _, row in scan_jsonl(path, broken)]


def scan_jsonl(path: Path, broken: Callable[[str], None] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `read_jsonl`, one row after another, each with the byte where its line starts (see `line_at`)."""
    offset = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            start, offset = offset, offset + len(line)
            if not line.strip():
                continue
            try:
                row = _object(line.rstrip().decode("utf-8", "strict" if broken is None else "replace"))
            except ValueError as error:
                problem = f"{path}:{number}: not a line of JSON: {error}"
                if broken is None:
                    raise UserError(problem) from None
                broken(problem)
            else:
                yield start, row


def line_at(path: Path, offset: int) -> dict[str, Any]:
    """The row whose line starts at this byte."""
    with path.open("rb") as lines:
        lines.seek(offset)
        return _object(lines.readline().decode("utf-8", "replace"))


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(error.msg) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__}, not an object")
    return value


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    data = path.read_bytes()
    if not data or data.endswith(b"\n"):
        return
    start = data.rfind(b"\n") + 1
    try:
        _object(data[start:].decode("utf-8"))
    except ValueError:
        os.truncate(path, start)
    else:
        with path.open("ab") as file:
            file.write(b"\n")


class Lock:
    """One process at a time: an advisory lock on a file, released by the kernel however the process ends.

    busy: the words for a lock that is held by the process of this number. wait: is told them, and the lock is waited
    for; without it they are a `UserError`.
    """

    def __init__(self, path: Path, busy: Callable[[str], str], wait: Callable[[str], None] | None = None) -> None:
        self._file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            if wait is None:
                self._file.close()
                raise UserError(busy(owner)) from None
            wait(busy(owner))
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others in."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
