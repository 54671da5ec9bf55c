"""Traces from a teacher behind an OpenAI-compatible server: asked over HTTP, filtered, counted, resumed."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from emocal_rl import recipe_blocks
from emocal_rl.data import Row, load
from emocal_rl.evaluate.engines import Decoding
from emocal_rl.rewards import FORMATS
from emocal_rl.train.traces import FOR_TEACHER, TraceJob, picture_file

PARTS = {
    "element": "a dog on grass", "human": "there are no people", "context": "a sunny meadow",
    "interaction": "the dog runs freely", "analysis": "it feels very light",
}  # fmt: skip
GOOD = FOR_TEACHER.write(PARTS, "awe")
WRONG = FOR_TEACHER.write(PARTS, "fear")
THIN = FOR_TEACHER.write(PARTS | {"human": "nobody"}, "awe")
SCRIPT = {"one": [GOOD], "two": [WRONG, "<think>oops", GOOD], "three": [THIN, WRONG, WRONG, WRONG]}


class Teacher(ThreadingHTTPServer):
    """Says what the script says next for the question's first word."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.left = {name: list(said) for name, said in SCRIPT.items()}
        self.asked: Counter[str] = Counter()
        self.prompts: list[str] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][0]["content"][-1]["text"]
        name = text.split()[0]
        self.server.asked[name] += 1
        self.server.prompts.append(text)
        answer = {"choices": [{"message": {"content": self.server.left[name].pop(0)}}]}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def teacher():
    server = Teacher()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "green").save(tmp_path / "dog.png")
    entries = [
        {"id": name, "split": "stage_one", "image": "dog.png", "question": f"{name} Which emotion?",
         "candidates": ["awe", "fear"], "label": "awe", "cluster": name}
        for name in SCRIPT
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def test_kept_rejected_counted_and_not_asked_again(cli, teacher, rows, tmp_path):
    out = tmp_path / "traces.jsonl"
    url = f"http://127.0.0.1:{teacher.server_address[1]}"
    command = [
        "trace",
        "--model",
        "wise",
        "--engine",
        "openai",
        "--base-url",
        url,
        "--data",
        str(rows),
        "--out",
        str(out),
    ]
    done = cli(*command)
    assert done.code == 0, done.err
    assert done.out.splitlines()[:2] == [
        "kept 2 of 3 rows (67%): 1 at try 1, 1 at try 3",
        "rejected samples: 4 another label, 1 a part of fewer words than asked for, 1 no_think",
    ]
    assert teacher.asked == {"one": 1, "two": 3, "three": 4}
    assert "label is awe" not in teacher.prompts[0]
    assert "<element>the salient visual elements</element>" in teacher.prompts[0]
    stats = json.loads((tmp_path / "traces.stats.json").read_text())
    assert (stats["rows"], stats["kept"], stats["label_shift"]) == (3, 2, 0.0)
    assert stats["said_instead"] == {"awe -> fear": 4}
    assert stats["labels"]["awe"]["kept"] == 2
    before = out.read_bytes()
    assert cli(*command).code == 0
    assert teacher.asked == {"one": 1, "two": 3, "three": 4}
    assert out.read_bytes() == before


def test_the_traces_are_rows_to_train_on_and_ms_swift_s_layout(cli, teacher, rows, tmp_path):
    out = tmp_path / "traces.jsonl"
    url = f"http://127.0.0.1:{teacher.server_address[1]}"
    cli("trace", "--model", "wise", "--engine", "openai", "--base-url", url, "--data", str(rows), "--out", str(out))
    first = json.loads(out.read_text().splitlines()[0])
    user, assistant = first["messages"]
    assert user["content"].startswith("<image>one Which emotion?")
    assert assistant["content"] == FORMATS["emocaliber_answer"].write(PARTS, "awe")
    assert Path(first["images"][0]).is_file()
    found = load(recipe_blocks.Data(name=str(out))).split("stage_one")
    assert [row.id for row in found] == ["one", "two"]
    assert dict(found[0].parts) == PARTS
    assert found[0].label == "awe"


def test_a_filter_that_keeps_nothing(cli, teacher, rows, tmp_path):
    teacher.left = {name: [WRONG] for name in SCRIPT}
    url = f"http://127.0.0.1:{teacher.server_address[1]}"
    done = cli("trace", "--model", "wise", "--engine", "openai", "--base-url", url, "--data", str(rows), "--tries", "1",
               "--out", str(tmp_path / "t.jsonl"))  # fmt: skip
    assert done.code == 2
    assert "\nerror: trace: no sample of 3 rows could be kept (3 another label); see " in done.err
    assert not (tmp_path / "t.jsonl").exists()


def test_a_greedy_teacher_repeats_itself(cli, rows):
    done = cli("trace", "--model", "tiny", "--data", str(rows), "--temperature", "0")
    assert (done.code, done.err) == (
        2, "error: trace: --tries 4 needs --temperature above 0; a greedy teacher repeats itself\n",
    )  # fmt: skip


def test_rows_whose_ids_differ_in_a_sign_have_pictures_of_their_own(tmp_path):
    job = TraceJob(recipe_blocks.Data(name="emoji"), "test", tmp_path / "t.jsonl", Decoding(0.7, 1.0, 8, 0))
    rows = [Row(name, Image.new("RGB", (2, 2), colour), "?", ("a",), (1,), name)
            for name, colour in (("a/b", "red"), ("a:b", "blue"), ("a_b", "lime"))]  # fmt: skip
    paths = [picture_file(job, row) for row in rows]
    assert [Image.open(path).getpixel((0, 0)) for path in paths] == [(255, 0, 0), (0, 0, 255), (0, 255, 0)]
    assert Path(paths[2]).name == "a_b.png"
