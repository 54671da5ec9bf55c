"""Engines that complete prompts: transformers in this process, vLLM in this process, or any OpenAI-compatible server.

`open_engine` hides which; importing this package imports none of them.
"""

from emocal_rl.evaluate.engines.core import ENGINES, Completion, Decoding, Engine, Request, open_engine, parse_options

__all__ = ["ENGINES", "Completion", "Decoding", "Engine", "Request", "open_engine", "parse_options"]
