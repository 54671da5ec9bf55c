"""Training the runs of a sweep on a Ray cluster.  Every node must see the folder of the sweep under the same path."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.sweep.engines import Outcome, train
from emocal_rl.sweep.tasks import Task


class Cluster:
    """As many runs at a time as the cluster has room for; Ray starts them, and again when a node is lost.

    address: of the head node; None for RAY_ADDRESS, the cluster this machine belongs to, or else a Ray of this machine
    alone, which ends with the sweep. gpus, cpus: what each run takes; a share of a GPU lets several runs use one.
    Raises `UserError` without ray, when the cluster cannot be reached, or when no node has that many.
    """

    def __init__(self, address: str | None = None, gpus: float = 0.0, cpus: float = 1.0, retries: int = 1) -> None:
        self.capacity: int | None = None
        try:
            import ray
        except ImportError:
            raise UserError("sweep: --engine ray needs Ray: pip install 'emocal-rl[sweep]'") from None
        self._ray = ray
        _connect(ray, address or os.environ.get("RAY_ADDRESS"))
        _require(ray.nodes(), {"CPU": cpus, "GPU": gpus})
        remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=retries)
        self._train = remote(_train)
        self._refs: list[Any] = []

    def submit(self, task: Task) -> Future[Outcome]:
        """Hand the run to Ray."""
        parent = task.parent.path.resolve() if task.parent else None
        ref = self._train.remote(task.path.resolve(), parent)
        self._refs.append(ref)
        future: Future[Outcome] = ref.future()
        return future

    def close(self) -> None:
        """Stop what is running, and leave the cluster."""
        for ref in self._refs:
            self._ray.cancel(ref, force=True)
        self._ray.shutdown()


def _train(path: Path, parent: Path | None) -> Outcome:
    """On a node of the cluster: one run in a process of its own, which ends with Ray's."""
    if not (path / "run.json").is_file():
        node = os.uname().nodename
        return Outcome(f"{node} does not see {path}; put --out on a disk that all nodes share")
    return train(path, parent)


def _connect(ray: Any, address: str | None) -> None:
    options = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is not None:
            _knock(address)
        ray.init(address=address or "auto", **options)
    except (OSError, RuntimeError, ValueError) as error:  # OSError: a ConnectionError too
        if address is None:
            ray.init(address="local", include_dashboard=False, **options)
            return
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"sweep: no Ray cluster at {address}: {first}; start one with: ray start --head") from None


def _knock(address: str) -> None:
    """Whether anything listens there; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address is HOST:PORT")
    socket.create_connection((host, int(port)), timeout=10).close()


def _require(nodes: list[Mapping[str, Any]], needed: Mapping[str, float]) -> None:
    """A run that no node has room for would wait for ever."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    if not any(all(has.get(kind, 0) >= count for kind, count in needed.items()) for has in alive):
        said = ", ".join(f"{has.get('CPU', 0):g} CPU and {has.get('GPU', 0):g} GPU" for has in alive)
        wanted = f"{needed['CPU']:g} CPU and {needed['GPU']:g} GPU"
        raise UserError(f"sweep: a run needs {wanted}, and no node of the Ray cluster has them (there are: {said}); "
                        "change --gpus or --cpus")  # fmt: skip
