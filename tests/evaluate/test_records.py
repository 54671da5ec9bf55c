"""Broken inputs are counted, named and reported, never silently dropped."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from emocal_rl import files
from emocal_rl.errors import UserError
from emocal_rl.evaluate.records import Records, judging_votes, read_records


def line(**changes: Any) -> str:
    row: dict[str, Any] = {"id": "a", "cluster": "k", "candidates": ["no", "yes"], "votes": [1, 3], "label": "yes"}
    row |= {"text": "…", "answer": "yes", "confidence": 0.8, "fault": None, "correct": 0.75}
    return json.dumps(row | changes)


def test_a_clean_file_has_nothing_odd(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(line() + "\n" + line(id="b", confidence=None) + "\n")
    found = read_records(file)
    assert found.oddities == {}
    assert found.rows[0].brier == pytest.approx(0.75 * 0.04 + 0.25 * 0.64)
    assert found.rows[1].brier is None
    assert found.clusters.tolist() == [0, 0]
    assert found.votes == [(1.0, 3.0)] * 2
    assert found.sample.readable.tolist() == [True, True]  # states no confidence, but can be read


def test_broken_lines_are_named(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    broken = [
        line(), line(id="twice"), line(id="twice", confidence=0.3),
        line(id="percent", confidence="85%"), line(id="over", confidence=1.2), line(id="nan", confidence=math.nan),
        line(id="true", confidence=True), line(id="ungraded", correct=None), line(id="fault", fault="no answer"),
        line(id="novotes", votes=None), "[1, 2]", '{"id": "torn", "conf',
    ]  # fmt: skip
    file.write_text("\n".join(broken))
    found = read_records(file)
    assert found.oddities == {
        "lines that are not JSON objects": 2,
        "repeated ids (the last line counts)": 1,
        "confidences that are no number in [0, 1] (counted as unreadable)": 4,
        "rows without a grade in [0, 1] (counted as wrong)": 1,
    }
    rows = {r.id: r for r in found.rows}
    assert rows["twice"].confidence == 0.3
    for name in ("percent", "over", "nan", "true"):
        assert rows[name].fault == "confidence out of range"
        assert rows[name].correct == 0.0
    assert (rows["fault"].confidence, rows["fault"].correct) == (None, 0.0)
    assert found.votes is None


def test_one_reader_with_two_policies(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    # U+2028 ends a line for str.splitlines, not for JSON lines
    file.write_text('{"text": "a\u2028b"}\n\n[1]\n{"torn', encoding="utf-8")
    with pytest.raises(UserError, match=r"r.jsonl:3: not a line of JSON: a list, not an object"):
        files.read_jsonl(file)
    broken: list[str] = []
    assert files.read_jsonl(file, broken.append) == [{"text": "a\u2028b"}]
    assert [text.partition(": ")[0] for text in broken] == [f"{file}:3", f"{file}:4"]


def test_rows_of_cluster_0_share_it_and_rows_without_an_id_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text("\n".join([line(id=None, cluster=0), line(id=None, cluster=0)]))
    found = read_records(file)
    assert [(row.id, row.cluster) for row in found.rows] == [("line-1", "0"), ("line-2", "0")]


def judged(tmp_path: Path, *lines: str) -> Records:
    file = tmp_path / "r.jsonl"
    file.write_text("\n".join(lines))
    return read_records(file)


def test_votes_judged_the_answers_only_where_every_grade_is_their_share(tmp_path: Path) -> None:
    unread = line(id="c", fault="no answer", answer=None, correct=0.0)
    by_votes = judged(tmp_path, line(), line(id="b", answer="No", correct=0.25), unread)
    assert [row.share for row in by_votes.rows] == [0.75, 0.25, None]
    assert judging_votes(by_votes) == [(1.0, 3.0)] * 3
    by_label = judged(tmp_path, line(), line(id="b", correct=1.0))  # one row is enough to tell
    assert by_label.votes is not None
    assert judging_votes(by_label) is None
    assert judging_votes(by_votes, by_label) is None  # a gap needs both sides on the same scale
    sure = judged(tmp_path, line(votes=[0, 3], correct=1.0))  # all agree: label and votes are the same
    assert judging_votes(sure) == [(0.0, 3.0)]
