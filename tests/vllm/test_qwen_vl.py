"""The architecture of the paper-scale recipes on vLLM.  Its files need torchvision, the embedded model's must not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from servers import PATIENCE, ROOT
from toys import gap

HERE = Path(__file__).parent
TORCHVISION = Path(sys.prefix) / "torchvision"  # where `make test-vllm` puts it, out of the other tests' way
CLOSE = 1e-3  # nats, of the worst token; in float32


def test_qwen_vl_trains_on_vllms_rollouts_and_they_agree(tmp_path: Path) -> None:
    assert (TORCHVISION / "torchvision").is_dir(), f"pip install --no-deps --target {TORCHVISION} torchvision"
    paths = [HERE / "with_torchvision", TORCHVISION, ROOT / "src"]
    # vLLM in the process of the other tests leaves these behind
    left = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    environment = {key: value for key, value in os.environ.items() if key not in left}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "qwen_vl.py"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3 * PATIENCE)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 2
    assert max(map(gap, found)) < CLOSE
    assert found[0]["grad_norm"] > 0  # so the second batch came from other weights
