import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emocal_rl import files
from emocal_rl.errors import UserError


def full(*arguments: object, **options: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_write_text_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "run.json"
    files.write_text(path, "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"run\.json: the disk is full \(.* free\); make room there$"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["run.json"]  # no temporary file is left


def test_other_write_errors_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/run\.json: cannot be written: (File exists|Not a directory)$"):
        files.write_text(tmp_path / "file" / "run.json", "x")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
    ],
)
def test_a_full_disk_is_recognised_under_other_errors(error: Exception, tmp_path: Path) -> None:
    outer = ValueError("could not save")
    outer.__cause__ = error
    assert str(files.disk_full(outer, tmp_path)).startswith(f"{tmp_path}: the disk is full (")


def test_a_torn_torch_save_counts_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")
    monkeypatch.setattr(files, "free_bytes", lambda path: 1e12)
    assert files.disk_full(error, tmp_path) is None
    monkeypatch.setattr(files, "free_bytes", lambda path: 4096)
    assert files.disk_full(error, tmp_path) is not None


def test_free_bytes_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert files.free_bytes(tmp_path / "a" / "b") > 0


def test_plain_makes_strict_json() -> None:
    row = {"a": np.float32(0.5), "b": np.array([1, 2]), "c": float("inf"), "d": (np.int64(3), None), 4: True}
    text = json.dumps(files.plain(row), allow_nan=False)
    assert text == '{"a": 0.5, "b": [1, 2], "c": null, "d": [3, null], "4": true}'


def test_json_lines_are_on_disk_at_once(tmp_path: Path) -> None:
    lines = files.JsonLines(tmp_path / "m.jsonl")
    lines.append({"step": 1, "loss": float("nan")})
    assert (tmp_path / "m.jsonl").read_text() == '{"step": 1, "loss": null}\n'
    lines.close()


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    with files.JsonLines(path) as lines:
        assert lines.read() == [{"step": 1}, {"step": 2}]
        lines.append({"step": 3})
    assert files.read_jsonl(path) == [{"step": 1}, {"step": 2}, {"step": 3}]


def test_a_torn_only_line_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"ste')
    with files.JsonLines(tmp_path / "m.jsonl") as lines:
        assert lines.read() == []


def test_keep_drops_rows_and_goes_on(tmp_path: Path) -> None:
    with files.JsonLines(tmp_path / "m.jsonl") as lines:
        for step in (1, 2, 3):
            lines.append({"step": step})
        lines.keep(lambda row: row["step"] < 3)
        lines.append({"step": 9})
        assert lines.read() == [{"step": 1}, {"step": 2}, {"step": 9}]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"step": 1}\noops\n{"step": 2}\n')
    with pytest.raises(UserError) as error:
        files.read_jsonl(tmp_path / "m.jsonl")
    assert str(error.value) == f"{tmp_path}/m.jsonl:2: not a line of JSON: Expecting value"


def test_a_lock_keeps_another_process_out(tmp_path: Path, python: Callable[..., Any]) -> None:
    lock = files.Lock(tmp_path / ".lock", "in use by process {}".format)
    code = (
        "from emocal_rl.files import Lock; from emocal_rl.errors import UserError; from pathlib import Path\n"
        f"try: Lock(Path({str(tmp_path / '.lock')!r}), 'in use by process {{}}'.format)\n"
        "except UserError as error: print(error)\n"
        "else: print('free')"
    )
    assert python("-c", code).out == f"in use by process {os.getpid()}\n"
    lock.release()
    assert python("-c", code).out == "free\n"


def test_a_whole_last_line_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"id": 1}\n{"id": 2}')
    with files.JsonLines(path) as lines:
        lines.append({"id": 3})
        assert [row["id"] for row in lines.read()] == [1, 2, 3]
