"""Which batch a reply that was sampled ahead belongs to, without a server."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from emocal_rl.train.vllm_ahead import KEPT, AheadEngine, Batch, _read, digest

PROMPT = [5, 6, 7]  # of every row: one question, and the placeholders of one picture
RED, BLUE = ([Image.new("RGB", (2, 2), colour)] for colour in ("red", "blue"))
FOUND = {"completion_ids": [[1], [2], [3], [4]], "logprobs": [[[-1.0]]] * 4}


def engine(pictures: list[Any]) -> AheadEngine:
    """One that has sampled two replies to each of two rows."""
    bare = object.__new__(AheadEngine)
    bare.accelerator = SimpleNamespace(is_main_process=True, process_index=0)
    bare.trainer = SimpleNamespace(state=SimpleNamespace(global_step=3), _metrics={"train": Log()})
    bare.check_tokens = lambda completions: None  # type: ignore[method-assign]
    found: Future[dict[str, Any]] = Future()
    found.set_result(FOUND | {"seconds": 1.0})
    bare._ahead = Batch(2, [PROMPT] * 2, [digest(each) for each in pictures], found)
    return bare


class Log(dict[str, list[float]]):
    def __missing__(self, key: str) -> list[float]:
        return self.setdefault(key, [])


def taken(bare: AheadEngine, images: list[Any] | None) -> Any:
    found = bare._taken([PROMPT] * 4, images, 2)
    return None if found is None else found[1]


@pytest.mark.parametrize("kept", [False, True], ids=["at once", "from a checkpoint"])
@pytest.mark.parametrize(
    ("asked", "fits"), [([RED, BLUE], True), ([BLUE, RED], False), ([RED, RED], False), (None, False)]
)
def test_replies_to_other_pictures_are_not_taken(
    tmp_path: Path, asked: list[Any] | None, fits: bool, kept: bool
) -> None:
    """Equal token ids, as in every set with one question, say nothing about the pictures."""
    bare = engine([RED, BLUE])
    if kept:
        bare.keep(tmp_path)
        bare._ahead = _read(tmp_path / KEPT)
    images = None if asked is None else [each for each in asked for _ in range(2)]
    assert taken(bare, images) == (FOUND["completion_ids"] if fits else None)
    assert bare.trainer._metrics["train"]["sampling/staleness"] == [float(fits)]


def test_text_alone_is_told_apart_by_its_tokens() -> None:
    assert taken(engine([None, None]), None) == FOUND["completion_ids"]
    other = engine([None, None])
    assert other._taken([[5], [5], PROMPT, PROMPT], None, 2) is None


def test_a_checkpoint_without_digests_is_sampled_anew_where_there_are_pictures(tmp_path: Path) -> None:
    bare = engine([RED, BLUE])
    bare.keep(tmp_path)
    said = json.loads((tmp_path / KEPT).read_text())
    del said["pictures"]
    (tmp_path / KEPT).write_text(json.dumps(said))
    bare._ahead = _read(tmp_path / KEPT)
    assert taken(bare, [RED, RED, BLUE, BLUE]) is None


def test_digests() -> None:
    """Of pixels and size: a row is as good as a column of the same pixels no more than of others."""
    wide, high = ([Image.new("RGB", size, "red")] for size in ((1, 4), (4, 1)))
    assert digest(RED) == digest([RED[0].copy()]) != digest(BLUE)
    assert len({digest(each) for each in (RED, wide, high, [*RED, *RED], None)}) == 5
