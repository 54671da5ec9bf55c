"""The same sweep on a real Ray cluster of this machine, with a worker killed on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small import gone, parent_of, pid_of, start, statuses, until, write

from emocal_rl import files
from emocal_rl.errors import UserError


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a head node with one core, in a session of its own."""
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", "--num-cpus=1", "--num-gpus=0", "--include-dashboard=false", "--disable-usage-stats"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *options]
    with (tmp_path_factory.mktemp("ray") / "log").open("w") as log:
        head = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            until(lambda: "Ray runtime started" in Path(log.name).read_text() or head.poll() is not None, 120)
            assert head.poll() is None, Path(log.name).read_text()
            yield f"127.0.0.1:{port}"
        finally:
            if head.poll() is None:
                os.killpg(head.pid, signal.SIGTERM)
                head.wait()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and error lines of a sweep, once it has ended."""
    _, said = process.communicate(timeout=900)
    return process.returncode, "".join(line for line in said.splitlines(True) if line.startswith("error: "))


@pytest.mark.slow
def test_ray_trains_the_same_points_and_survives_the_loss_of_a_worker(cluster: str, tmp_path: Path) -> None:
    path = str(write(tmp_path, "{brier: {}}"))
    here, there = tmp_path / "here", tmp_path / "there"
    local = start(path, "--out", str(here))
    assert ended(local) == (0, "")
    remote = start(path, "--out", str(there), "--engine", "ray", "--address", cluster)
    until(lambda: (there / "brier-0" / "logs" / "attempt-2.log").exists())
    child = pid_of(there / "brier-0")
    os.kill(parent_of(child), signal.SIGKILL)  # the process in which Ray runs the task
    assert ended(remote) == (0, "")
    assert statuses(there) == statuses(here)
    assert set(statuses(there).values()) == {"done"}
    assert (there / "brier-0" / "logs" / "attempt-3.log").exists()  # tried again, from where it was
    for name in ("models/mini/model.safetensors", "records/mini-validation.jsonl"):
        assert (there / "brier-0" / name).read_bytes() == (here / "brier-0" / name).read_bytes()
    logs = [files.read_jsonl(out / "brier-0" / "metrics.jsonl") for out in (here, there)]
    assert [row["loss"] for row in logs[0] if "loss" in row] == [row["loss"] for row in logs[1] if "loss" in row]


@pytest.mark.slow
def test_a_sweep_that_is_asked_to_end_says_so_and_leaves_nothing_running(cluster: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = [str(write(tmp_path, "{brier: {}}")), "--out", str(out), "--engine", "ray", "--address", cluster]
    remote = start(*options)
    until(lambda: (out / "sweep.json").is_file() and "running" in statuses(out).values())
    child = next(pid for path in out.glob("cold/*") if path.is_dir() and (pid := pid_of(path)))
    remote.terminate()
    _, said = remote.communicate(timeout=100)
    assert said.splitlines()[-1] == "interrupted; the same command goes on where it was"
    assert remote.returncode == 130
    until(lambda: gone(child), 60)


@pytest.mark.slow
def test_what_the_cluster_cannot_give_is_said_at_once(cluster: str, tmp_path: Path) -> None:
    path = str(write(tmp_path, "{brier: {}}"))
    process = start(path, "--out", str(tmp_path / "out"), "--engine", "ray", "--address", cluster, "--gpus", "2")
    said = "error: sweep: a run needs 1 CPU and 2 GPU, and no node of the Ray cluster has them "
    assert ended(process) == (2, f"{said}(there are: 1 CPU and 0 GPU); change --gpus or --cpus\n")


@pytest.mark.parametrize(
    ("address", "why"), [("127.0.0.1:1", "[Errno 111] Connection refused"), ("head", "an address is HOST:PORT")]
)
def test_a_cluster_that_is_not_there_is_one_line(address: str, why: str) -> None:
    pytest.importorskip("ray")
    from emocal_rl.sweep.cluster import Cluster

    with pytest.raises(UserError) as error:
        Cluster(address)
    assert str(error.value) == f"sweep: no Ray cluster at {address}: {why}; start one with: ray start --head"


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from emocal_rl.sweep.cluster import Cluster

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"sweep: --engine ray needs Ray: pip install 'emocal-rl\[sweep\]'"):
        Cluster()
