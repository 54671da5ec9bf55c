"""vLLM servers that sample for the trainer, over HTTP: `emocal-rl serve-rollouts` starts one."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Rollout
from emocal_rl.train.vllm_client import START, Client, Servers, named
from emocal_rl.train.vllm_engine import Engine


class ServerEngine(Engine):
    """TRL's server mode on one or more servers.  Weights go from GPU to GPU (nccl), or by files that both can read.

    Raises:
        UserError: a server that cannot be reached, is too slow, answers nonsense or cannot take weights.
    """

    def __init__(self, trainer: Any, rollout: Rollout, silent: Sequence[int], folder: str) -> None:
        by_nccl = rollout.sync == "nccl" or (rollout.sync == "auto" and trainer.accelerator.device.type == "cuda")
        self.by_files, self.folder = not by_nccl, Path(folder).absolute()
        self._weight_metadata: list[tuple[str, str, list[int]]] | None = None
        super().__init__(trainer, rollout, silent, mode="server", server_timeout=rollout.timeout)

    def _init_vllm(self) -> None:
        if not self.accelerator.is_main_process:
            return
        clients = [
            Client(url, self.rollout.timeout, self._next_seed, self.group_port + index)
            for index, url in enumerate(self.rollout.servers)
        ]
        for client in clients:
            with named(client.base_url, client.timeout):
                _same_sampling(client)
                if not self.by_files:
                    client.init_communicator(device=self.accelerator.device)
        self.vllm_client = Servers(clients)

    def _next_seed(self) -> int:
        # of the step alone; the draws still depend on what else a server works at
        return int(self.seed * 1_000_003 + self.trainer.state.global_step)

    def sync_weights(self) -> None:
        """Bring every server's weights up to date, and forget what they computed with the old ones."""
        if self.by_files:
            self._sync_files()
            return
        if self._weight_metadata is None:
            self._weight_metadata = [
                (name, str(each.dtype).removeprefix("torch."), list(each.shape))
                for name, each in self._iter_named_params()
            ]
        if not self.accelerator.is_main_process:
            for _ in self.rollout.servers:
                deque(self._iter_named_params(), maxlen=0)  # take part in gathering what is sharded, for each server
            return
        for client in self.vllm_client.clients:
            with named(client.base_url, client.timeout):
                client.update_named_params(self._weight_metadata, self._iter_named_params())
                client.forget()

    def _sync_files(self) -> None:
        from safetensors.torch import save_file

        main = self.accelerator.is_main_process
        tensors = {name: each.detach().cpu().contiguous() for name, each in self._iter_named_params() if main}
        if not main:
            return
        # a name of its own: `sync_dir` may hold files of the user, or serve another run
        new = self.folder / f"weights-{uuid4().hex}"
        new.mkdir(parents=True)
        try:
            save_file(tensors, new / "model.safetensors", metadata={"format": "pt"})
            for client in self.vllm_client.clients:
                with named(client.base_url, client.timeout):
                    client.reload(new)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            if self.rollout.sync_dir is None:
                with suppress(OSError):  # not empty: another stage's
                    os.removedirs(self.folder)

    def generate(self, prompts: Any, images: Any, num_generations: int, profiler: Any = None) -> Any:
        """TRL's `generate`; the servers get the trainer's own tokens."""
        with in_words():
            found = super().generate(prompts, images, num_generations, profiler)
        self.check_tokens(found[1])
        return found

    def check_tokens(self, completions: Sequence[Sequence[int]]) -> None:
        """Raise UserError where a server wrote nothing, or what the trained model cannot write."""
        vocabulary = self.model.get_input_embeddings().weight.shape[0]
        if any(not ids or min(ids) < 0 or max(ids) >= vocabulary for ids in completions):
            raise UserError("rollout: a server answered with no tokens, or with tokens the model does not have; "
                            "check that rollout.servers serve the model that is trained")  # fmt: skip


@contextmanager
def in_words() -> Iterator[None]:
    """What TRL finds wrong with a prompt and its pictures, in one line."""
    try:
        yield
    except UserError:
        raise
    except ValueError as problem:
        raise UserError(f"rollout: {problem} Use rollout.engine=vllm-colocate or hf with this model") from problem


def _same_sampling(client: Client) -> None:
    """The correction needs the log-probabilities that were sampled from."""
    mode = client.get_server_info()["model_config"]["logprobs_mode"]
    if mode != "processed_logprobs":
        raise UserError(
            f"rollout: the server at {client.base_url} reports {mode}, not the log-probabilities it samples from; "
            f"{START} (it sets --logprobs-mode processed_logprobs)"
        )
