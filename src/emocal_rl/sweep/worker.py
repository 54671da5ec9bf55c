"""Trains one run of a sweep, in a process of its own:
`python -m emocal_rl.sweep.worker PARENT_PID RUN_DIR [SHARED_RUN_DIR]`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # Linux's prctl


def main(arguments: Sequence[str]) -> int:
    """Take over the shared stages, then `emocal-rl train --resume`; its exit code, 0 where another part trained it.

    arguments: the process that must not be outlived, the run directory, the run to share stages with.
    """
    die_with(int(arguments[0]))
    target = arguments[1]
    from emocal_rl.cli import main as command_line
    from emocal_rl.run_info import read_info
    from emocal_rl.sweep.tasks import claim, share

    with claim(Path(target)):
        if read_info(Path(target))["status"] == "done":
            return 0
        for source in arguments[2:]:
            share(Path(source), Path(target))
        return command_line(["train", "--resume", target])


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the one that started it ends, even by kill -9.

    Otherwise it would go on training, and the sweep could not be started again before it has ended.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            raise SystemExit(1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
