"""Clients of vLLM servers: time limits, keys and seeds on TRL's, and what can go wrong in one line each."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import torch
from requests.adapters import HTTPAdapter
from trl.generation.vllm_client import VLLMClient
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from emocal_rl.errors import UserError

CONCURRENT = 64  # requests to a server at a time, as TRL
KEY = "VLLM_API_KEY"  # the variable vLLM's own server reads
START = "start one with: emocal-rl serve-rollouts MODEL"


class _Again(Retry):  # type: ignore[misc]
    """Tries a connection that breaks again, but not a request that took too long."""

    def increment(self, *args: Any, error: Any = None, **given: Any) -> Any:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(*args, error=error, **given)


class _Patient(HTTPAdapter):  # type: ignore[misc]
    """Gives up on a request after `timeout` seconds; a connection that breaks is tried twice again."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        tries = _Again(total=2, backoff_factor=0.5, status=0, allowed_methods=None)
        super().__init__(max_retries=tries, pool_maxsize=CONCURRENT)

    def send(self, request: Any, **given: Any) -> Any:
        return super().send(request, **{**given, "timeout": given.get("timeout") or self.timeout})


class Client(VLLMClient):  # type: ignore[misc]
    """TRL's client of one server, with a time limit on every request, the API key, and a seed for every prompt.

    Args:
        base_url: address, such as http://localhost:8000.
        timeout: seconds; for the server to start, and for each answer.
        seed: called for the seed of the next rollouts.
    """

    def __init__(self, base_url: str, timeout: float, seed: Callable[[], int], group_port: int = 51216) -> None:
        self.timeout, self.seed = timeout, seed
        with named(base_url, timeout):
            super().__init__(base_url=base_url.rstrip("/"), group_port=group_port, connection_timeout=timeout)

    def check_server(self, total_timeout: float = 0.0, retry_interval: float = 1.0) -> None:
        """Wait for the server to start.  TRL asks by requests without a time limit, which a silent server hangs."""
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Patient(self.timeout))
        if key := os.environ.get(KEY):
            self.session.headers["Authorization"] = f"Bearer {key}"
        end, told = time.monotonic() + total_timeout, False
        while not self._healthy():
            if time.monotonic() >= end:
                raise ConnectionError(self.base_url)
            if not told:
                print(f"rollout: waiting up to {total_timeout:g} s for the server at {self.base_url}", file=sys.stderr)
            told = True
            time.sleep(retry_interval)

    def _healthy(self) -> bool:
        try:
            return bool(self.session.get(f"{self.base_url}/health").status_code == 200)
        except requests.Timeout:
            raise
        except requests.ConnectionError:
            return False

    def answers(self, prompts: list[Any], features: list[Any], seeds: list[int], **sampling: Any) -> list[Any]:
        """What `generate` finds for each prompt alone: a request has one seed, so every prompt is one request."""
        options = sampling.pop("generation_kwargs", None) or {}

        def one(prompt: Any, feature: Any, seed: int) -> Any:
            return self.generate([prompt], [feature], **sampling, generation_kwargs={**options, "seed": seed})

        with ThreadPoolExecutor(min(CONCURRENT, len(prompts))) as pool:
            return list(pool.map(one, prompts, features, seeds))

    def reload(self, folder: Path) -> None:
        """Load the weights in `folder`, and forget what was computed with the old ones."""
        rpc = {"method": "take_weights", "kwargs": {"weights_path": str(folder)}, "timeout": self.timeout}
        self._command("collective_rpc", json=rpc)
        self.forget()

    def forget(self) -> None:
        """Empty the caches of prompts and of image features: they are of the old weights."""
        self._command("reset_prefix_cache")
        self._command("reset_encoder_cache")

    def _command(self, name: str, **body: Any) -> None:
        answer = self.session.post(f"{self.base_url}/{name}", **body)
        if answer.status_code == 404:
            raise UserError(
                f"rollout: the server at {self.base_url} has no /{name}: it was started without its development "
                f"endpoints, which take new weights; {START}"
            )
        if answer.status_code != 200:
            raise UserError(f"rollout: the server at {self.base_url} refused {name}: {_short(answer.text)}")


def seeds_of(base: int, prompts: Sequence[Sequence[int]], features: Sequence[Any]) -> list[int]:
    """A seed below 2**31 of each prompt's samples: the same whichever server and process asks.

    A prompt that comes again in the batch has another one; else its replies would come again as well.

    >>> first, again, other = seeds_of(1, [[5, 6], [5, 6], [7]], [None] * 3)
    >>> first == seeds_of(1, [[5, 6]], [None])[0] != again, first != other, first != seeds_of(2, [[5, 6]], [None])[0]
    (True, True, True)
    """
    before: Counter[str] = Counter()
    seeds = []
    for prompt, feature in zip(prompts, features, strict=True):
        text = json.dumps([base, list(prompt), (feature or {}).get("mm_hashes")], sort_keys=True)
        digest = hashlib.sha256(f"{text}{before[text] or ''}".encode()).digest()
        seeds.append(int.from_bytes(digest[:4], "big") >> 1)
        before[text] += 1
    return seeds


class Servers:
    """Several servers as one `VLLMClient`: each prompt goes to one of them, new weights to all."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = list(clients)

    def image_features(self, images: list[Any]) -> list[Any]:
        """Processed pictures; any server makes the same of them, but only the one that made them keeps them."""
        return self._shared([images], lambda client, part: client.image_features(*part))

    def generate(self, prompts: list[Any], features: list[Any] | None, **sampling: Any) -> dict[str, Any]:
        """As `VLLMClient.generate`: completions in the order of the prompts."""
        pictures = features or [None] * len(prompts)
        seeds = seeds_of(self.clients[0].seed(), prompts, pictures)
        found = self._shared([prompts, pictures, seeds], lambda client, part: client.answers(*part, **sampling))
        return {key: [one for part in found for one in part[key]] for key in found[0]}

    def _shared(self, columns: list[list[Any]], ask: Callable[[Client, list[list[Any]]], list[Any]]) -> list[Any]:
        size = -(-len(columns[0]) // len(self.clients))
        parts = [[column[at : at + size] for column in columns] for at in range(0, len(columns[0]), size)]

        def one(job: tuple[Client, list[list[Any]]]) -> list[Any]:
            with named(job[0].base_url, job[0].timeout):
                return ask(*job)

        with ThreadPoolExecutor(len(parts)) as pool:
            return [item for found in pool.map(one, zip(self.clients, parts, strict=False)) for item in found]


@contextmanager
def named(url: str, timeout: float) -> Iterator[None]:
    """Turn what can go wrong with a server into one line."""
    try:
        yield
    except UserError:
        raise
    except requests.Timeout:
        raise UserError(
            f"rollout: the server at {url} did not answer within {timeout:g} s; look at its log, or raise "
            "rollout.timeout"
        ) from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, ConnectionError):
        raise UserError(f"rollout: no server answers at {url}; {START}") from None
    except (ValueError, KeyError, TypeError, IndexError) as problem:
        raise UserError(
            f"rollout: the server at {url} answered what a vLLM server does not ({type(problem).__name__}: "
            f"{_short(problem)}); check rollout.servers"
        ) from problem
    except torch.OutOfMemoryError:
        raise
    except Exception as problem:  # TRL raises bare exceptions for every refusal
        raise UserError(f"rollout: the server at {url} refused a request: {_short(problem)}") from problem


def _short(text: Any) -> str:
    return " ".join(str(text).split())[:300]
