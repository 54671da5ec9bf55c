"""The report of a synthetic run: complete, honest, self-contained, hostile text harmless, gaps survivable."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from PIL import Image
from synthetic import STAGES, write_run

from emocal_rl.errors import UserError
from emocal_rl.evaluate.gallery import pick
from emocal_rl.evaluate.records import Record
from emocal_rl.evaluate.report import summary_lines, write_report
from emocal_rl.evaluate.tables import _chosen

TWO = ("validation", "unseen_style")


def picture(identity: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (len(identity) * 9 % 255, 90, 60)).save(buffer, "PNG")
    return buffer.getvalue()


def nothing(identity: str) -> None:
    return None


class Page(HTMLParser):
    """Tags, attributes and text of a page; remembers whether every tag was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    path = write_run(tmp_path_factory.mktemp("run") / "seed-0")
    return path, write_report(path, picture)


def test_everything_is_written(finished: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = finished
    assert json.loads((path / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    names = {"before_after", "learning_curves", "risk_coverage"}
    names |= {f"reliability_{s}" for s in ("unseen_style", "unseen_emoji", "other_domain")}
    assert {p.stem for p in (path / "figures").glob("*.png")} == names
    for name in names:
        with Image.open(path / "figures" / f"{name}.png") as image:
            assert min(image.size) > 300
        assert json.loads((path / "figures" / f"{name}.json").read_text())
    assert not list(path.rglob(".*"))  # no temporary file left behind


def test_numbers_are_those_of_the_records(finished: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = finished
    rows = [json.loads(x) for x in (path / "records" / "grpo_brier-unseen_style.jsonl").read_text().splitlines()]
    stated = [r for r in rows if r["fault"] is None]
    brier = sum(r["correct"] * (1 - r["confidence"]) ** 2 + (1 - r["correct"]) * r["confidence"] ** 2 for r in stated)
    found = metrics["splits"]["unseen_style"]["systems"]
    assert found["after"]["metrics"]["brier"]["value"] == pytest.approx(brier / len(stated))
    assert found["after"]["metrics"]["brier"]["n"] == len(stated)
    assert found["after"]["metrics"]["accuracy"]["value"] == pytest.approx(sum(r["correct"] for r in rows) / len(rows))
    share = [max(r["votes"]) / sum(r["votes"]) for r in rows]
    assert found["bayes"]["metrics"]["brier"]["value"] == pytest.approx(sum(s * (1 - s) for s in share) / len(share))


def test_the_table_holds_every_row_a_reader_needs(finished: tuple[Path, dict[str, Any]]) -> None:
    _, metrics = finished
    assert (metrics["before"], metrics["after"], metrics["fitted_on"]) == ("sft_confidence", "grpo_brier", "validation")
    for split in ("unseen_style", "unseen_emoji", "other_domain"):
        rows = set(metrics["splits"][split]["systems"])
        assert rows >= {"bayes", "annotator", "crowd", "before", "before+constant", "before+temperature"}
        assert rows >= {"before+isotonic", "after", "after+isotonic", "stage:sft_reasoning"}
    assert not any(
        "+" in key for key in metrics["splits"]["validation"]["systems"]
    )  # nothing is judged where it was fitted
    d = metrics["splits"]["unseen_style"]["differences"]["before"]["brier"]
    assert d["better"] is True
    assert d["low"] < d["value"] < d["high"] < 0


def test_the_page_says_how_much_can_be_answered(finished: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = finished
    html = (path / "report.html").read_text()
    share = metrics["splits"]["unseen_style"]["diagnostics"]["after"]["coverage_at_risk_20"]["value"]
    row = html.split("at most 20% wrong</td>")[1].split("</tr>")[0]
    assert row.count("<td>") == 2
    assert f"<td>{100 * share:.1f}%<small>[" in row
    assert "wrong" in html.split("coverage at risk")[0]


def test_the_seconds_of_a_step_are_shown(finished: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = finished
    assert metrics["step_seconds"]["grpo_brier"] == pytest.approx({"generate": 0.6, "update": 0.2})
    assert metrics["step_seconds"]["sft_confidence"] == {}
    assert "a step 0.80 s: generate 75%, update 25%" in (path / "report.html").read_text()


def test_a_large_gallery_is_picked_at_once() -> None:
    rows = [Record(str(i), str(i), ("a", "b"), (1, 2), "b", "ab"[i % 2], 0.9, 0.5, None) for i in range(20_000)]
    cards = pick(rows, {}, per_group=8)
    assert [card.group for card in cards] == ["right"] * 8 + ["wrong"] * 8
    assert len({card.after.id for card in cards}) == 16
    few = [Record(str(i), "one", ("a", "b"), (1, 2), "b", "b", 0.9, 0.5, None) for i in range(3)]
    assert len(pick(few, {}, per_group=8)) == 3  # one cluster: all of it


def test_the_headline_says_what_happened(finished: tuple[Path, dict[str, Any]]) -> None:
    _, metrics = finished
    number, interval = r"[−+]?\d\.\d{3}", r"\[−\d\.\d{3}, −\d\.\d{3}\]"
    expected = (
        rf"Brier {number} → {number} on unseen styles \(paired difference −\d\.\d{{3}} {interval}\); \d+% \[\d+, \d+\]"
    )
    assert re.fullmatch(expected + " of the gap to the Bayes bound closed.", metrics["headline"])
    assert any("training is better in Brier" in s and "It beats all 7 of them" in s for s in metrics["findings"])


def test_the_page_is_well_formed_and_loads_nothing(finished: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = finished
    html = (path / "report.html").read_text()
    page = Page(html)
    assert page.open == []
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert page.tags.count("article") == len(metrics["gallery"]) == 24
    assert "script" not in page.tags
    assert "default-src 'none'" in html
    assert metrics["headline"].replace("\xa0", " ") in "".join(page.words).replace("\xa0", " ")


def test_model_output_cannot_break_out(tmp_path: Path) -> None:
    path = write_run(tmp_path / "<b>run", rows=30, fault_rate=0.9, splits=TWO)
    file = path / "records" / "grpo_brier-unseen_style.jsonl"
    rows = [json.loads(x) for x in file.read_text().splitlines()]
    for row in rows:
        row |= {
            "text": "</p><script>alert(1)</script>\x00 \ud800 <img src=x onerror=alert(1)>",
            "answer": "<i>\"'&",
            "fault": None,
        }
        row |= {"confidence": 0.5, "candidates": ["<i>\"'&", "</article>"]}
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    (path / "recipe.yaml").write_text("name: '</pre><script>alert(2)</script>'\n")
    write_report(path, lambda identity: b"<script>not a picture", resamples=50)
    html = (path / "report.html").read_text()
    page = Page(html)
    assert page.open == []
    assert "script" not in page.tags
    for raw in ('<i>"', "<img src=x", "</article>:", "\x00", "\ud800"):
        assert raw not in html
    assert "onerror=alert(1)&gt;" in html  # shown, as text
    assert all(link.startswith("data:image/png;base64,") for link in page.links)


def test_worse_is_reported_as_worse(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", stages=("sft_confidence", "grpo_brier"), splits=TWO)
    for split in ("validation", "unseen_style"):
        a, b = (path / "records" / f"{s}-{split}.jsonl" for s in ("sft_confidence", "grpo_brier"))
        swapped = a.read_text(), b.read_text()
        b.write_text(swapped[0])
        a.write_text(swapped[1])
    metrics = write_report(path, nothing)
    assert metrics["headline"].startswith("The Brier score got worse: ")
    finding = next(s for s in metrics["findings"] if s.startswith("Unseen styles: against"))
    assert "worse in Brier" in finding
    assert "There is no metric in which it beats all" in finding


def test_no_change_is_no_finding(tmp_path: Path) -> None:
    metrics = write_report(write_run(tmp_path / "r", gain=0.0, seed=1, splits=TWO), nothing)
    assert metrics["headline"].startswith("No demonstrable change: Brier ")


@pytest.mark.parametrize(
    ("stages", "splits", "headline"),
    [
        (("grpo_brier",), ("validation", "unseen_style"), "Brier 0."),
        (("sft_reasoning",), ("unseen_style",), "Accuracy "),
        (("sft_reasoning", "sft_confidence"), ("unseen_emoji",), "Brier 0."),
        (STAGES, ("unseen_style",), "Brier 0."),
        (STAGES, ("validation",), "Brier 0."),
        (STAGES, ("validation", "my_split"), "Brier 0."),
    ],
)
def test_missing_stages_and_splits(
    tmp_path: Path, stages: tuple[str, ...], splits: tuple[str, ...], headline: str
) -> None:
    path = write_run(tmp_path / "r", stages=stages, splits=splits, rows=90)
    metrics = write_report(path, nothing)
    assert metrics["headline"].startswith(headline)
    assert summary_lines(metrics)
    assert Page((path / "report.html").read_text()).open == []


def test_an_earlier_stage_without_confidences_is_not_the_before(tmp_path: Path) -> None:
    metrics = write_report(
        write_run(tmp_path / "r", stages=("sft_reasoning", "grpo_brier"), rows=60, splits=TWO), nothing
    )
    assert metrics["before"] is None
    assert "no earlier stage states confidences, so there is no before to compare with" in metrics["notes"]


def test_nothing_could_be_read(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=30, fault_rate=1.0, splits=TWO)
    metrics = write_report(path, nothing)
    assert metrics["headline"].startswith("Not one reply could be read on unseen styles")
    assert metrics["splits"]["unseen_style"]["systems"]["after"]["metrics"]["brier"]["value"] is None
    assert "figures" in metrics
    assert summary_lines(metrics)


def test_ten_rows_bare_run_and_no_intervals(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=10)
    (path / "run.json").write_text("{}")
    (path / "recipe.yaml").write_text("evaluation: {bootstrap: 0}\n")
    (path / "metrics.jsonl").unlink()
    metrics = write_report(path, nothing)
    assert metrics["resamples"] == 0
    assert metrics["splits"]["unseen_style"]["systems"]["after"]["metrics"]["brier"]["low"] is None
    assert "learning_curves.png" not in metrics["figures"]
    assert any(note.startswith("run.json lists no stages") for note in metrics["notes"])


def test_records_without_votes_lose_the_bound_and_keep_the_rest(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=30, splits=TWO)
    for file in (path / "records").glob("*.jsonl"):
        rows = [json.loads(x) | {"votes": None} for x in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    metrics = write_report(path, nothing, resamples=50)
    assert "bayes" not in metrics["splits"]["unseen_style"]["systems"]
    assert metrics["splits"]["unseen_style"]["bayes_gap_closed"] is None
    assert "gap" not in metrics["headline"]


@pytest.mark.parametrize("stages", [STAGES, ("grpo_brier",)])
def test_answers_that_a_label_judged_are_not_held_against_the_annotators_bound(
    tmp_path: Path, stages: tuple[str, ...]
) -> None:
    """`grader: label` with votes in the data: a sure model of hard grades can be better than that bound."""
    path = write_run(tmp_path / "r", rows=60, splits=TWO, stages=stages)
    for file in (path / "records").glob("*.jsonl"):
        rows = [json.loads(x) for x in file.read_text().splitlines()]
        rows = [row | {"correct": float(row["answer"] == row["label"])} for row in rows]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    metrics = write_report(path, nothing, resamples=50)
    split = metrics["splits"]["unseen_style"]
    assert not {"bayes", "annotator", "crowd"} & split["systems"].keys()
    assert split["bayes_gap_closed"] is None
    assert not any(split["people"].values())
    said = " ".join([metrics["headline"], *metrics["findings"], *summary_lines(metrics)])
    assert "Bayes" not in said
    assert "people's disagreement" not in said
    told = "unseen styles: these answers were not judged by the votes, so there is no bound to compare with"
    assert told in metrics["notes"]
    assert "Bayes" not in Path(path / "report.html").read_text().replace("gap to Bayes closed", "")


def test_a_bound_needs_votes_on_both_sides(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=60, splits=TWO)
    for file in (path / "records").glob("sft_confidence-*.jsonl"):
        rows = [json.loads(x) for x in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(row | {"correct": round(row["correct"])}) + "\n" for row in rows))
    split = write_report(path, nothing, resamples=50)["splits"]["unseen_style"]
    assert "bayes" not in split["systems"]
    assert split["bayes_gap_closed"] is None
    assert (split["people"]["before"], split["people"]["after"].keys()) == (
        {}, {"brier", "model_error", "human_disagreement", "annotator"}
    )  # fmt: skip


def test_rows_of_only_one_stage_are_left_out_and_said(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=40, splits=TWO)
    file = path / "records" / "grpo_brier-unseen_style.jsonl"
    file.write_text("".join(f"{x}\n" for x in file.read_text().splitlines()[:30]) + '{"torn')
    metrics = write_report(path, nothing, resamples=50)
    assert metrics["splits"]["unseen_style"]["rows"] == 30
    assert "unseen styles: 10 records exist for only one of the two stages and are left out" in metrics["notes"]
    assert "grpo_brier on unseen styles: 1 lines that are not JSON objects" in metrics["notes"]


def test_an_unfinished_stage_is_said(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=20, splits=TWO)
    facts = json.loads((path / "run.json").read_text())
    facts["stages"][-1]["status"] = "running"
    (path / "run.json").write_text(json.dumps(facts))
    metrics = write_report(path, nothing, resamples=50)
    assert "stage grpo_brier is running: the numbers are incomplete" in metrics["notes"]


def test_the_split_that_is_fitted_on_is_the_recipes_first(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=40, splits=("other_domain", "unseen_style"))
    (path / "recipe.yaml").write_text("evaluation: {splits: [other_domain, unseen_style], bootstrap: 50}\n")
    metrics = write_report(path, nothing)
    assert metrics["fitted_on"] == "other_domain"
    assert "before+isotonic" in metrics["splits"]["unseen_style"]["systems"]
    assert "before+isotonic" not in metrics["splits"]["other_domain"]["systems"]


def test_summary_is_about_ten_lines_and_aligned(finished: tuple[Path, dict[str, Any]]) -> None:
    lines = summary_lines(finished[1])
    assert 8 <= len(lines) <= 12
    assert lines[0] == finished[1]["headline"]
    assert len({len(x) for x in lines[1:]}) == 1
    assert max(map(len, lines[1:])) <= 100


@pytest.mark.slow
def test_reports_are_reproducible_and_leave_matplotlib_alone(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", rows=30, splits=TWO)
    settings = dict(mpl.rcParams)
    first = write_report(path, nothing, resamples=50)
    page, figure = (path / "report.html").read_bytes(), (path / "figures" / "before_after.png").read_bytes()
    second = write_report(path, nothing, resamples=50)
    assert json.dumps(first) == json.dumps(second)
    assert (path / "report.html").read_bytes() == page
    assert (path / "figures" / "before_after.png").read_bytes() == figure
    assert dict(mpl.rcParams) == settings


def test_no_run_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run directory"):
        write_report(tmp_path, nothing)


def test_the_best_baseline_may_be_perfect() -> None:
    """A Brier score of 0 is the best there is, and not one that is missing."""
    scores = {"before+platt": 0.0, "before+beta": 0.1, "before+isotonic": None}
    systems = {key: {"metrics": {"brier": {"value": value}}} for key, value in scores.items()}
    assert [name for name, _ in _chosen({"systems": systems}, full=True)] == ["before, Platt"]
