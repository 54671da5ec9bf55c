"""Models of the families that the paper-scale recipes name, shrunk by their config, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for part in m.content %}{% if part.type == 'image' %}PICTURE{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 8192,
}  # fmt: skip


def tokenizer(special: tuple[str, ...], picture: str = "") -> Any:
    """Byte-level, one token a byte, ChatML."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    core.add_special_tokens([AddedToken(name, special=True) for name in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        chat_template=CHAT.replace("PICTURE", picture),
    )  # fmt: skip


def ends(tokens: Any) -> dict[str, Any]:
    return {"eos_token_id": tokens.eos_token_id, "pad_token_id": tokens.pad_token_id, "bos_token_id": None}


def save(model: Any, tokens: Any, folder: Path) -> str:
    model.generation_config.eos_token_id = tokens.eos_token_id
    model.generation_config.pad_token_id = tokens.pad_token_id
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return str(folder)


def qwen2_5_vl(folder: Path) -> str:
    """The architecture of Qwen2.5-VL-7B-Instruct: 0.3 million parameters."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokens = tokenizer((*SPECIAL, *VISION), "<|vision_start|><|image_pad|><|vision_end|>")
    names = ("vision_start", "vision_end", "image", "video")
    places = {f"{n}_token_id": tokens.convert_tokens_to_ids(t) for n, t in zip(names, VISION, strict=True)}
    rope = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 1e4}
    config = Qwen2_5_VLConfig(
        text_config={"vocab_size": len(tokens), "rope_parameters": rope, **SIZES, **ends(tokens)},
        vision_config={"depth": 2, "hidden_size": 64, "intermediate_size": 96, "num_heads": 2, "out_hidden_size": 64,
                       "fullatt_block_indexes": [1]},
        **places,
    )  # fmt: skip
    Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=4 * 28 * 28).save_pretrained(folder)
    return save(Qwen2_5_VLForConditionalGeneration(config), tokens, folder)


def smolvlm(folder: Path) -> str:
    """The architecture of SmolVLM-256M-Instruct is Idefics3, which the embedded model has as well."""
    return "tiny"


def qwen2(folder: Path) -> str:
    """The architecture of Qwen2.5-7B."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokens = tokenizer(SPECIAL)
    return save(Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokens), **SIZES, **ends(tokens))), tokens, folder)


def smollm2(folder: Path) -> str:
    """The architecture of SmolLM2-135M-Instruct is Llama."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokens = tokenizer(SPECIAL)
    return save(LlamaForCausalLM(LlamaConfig(vocab_size=len(tokens), **SIZES, **ends(tokens))), tokens, folder)


FAMILIES: dict[str, Callable[[Path], str]] = {
    "Qwen/Qwen2.5-VL-7B-Instruct": qwen2_5_vl,
    "HuggingFaceTB/SmolVLM-256M-Instruct": smolvlm,
    "Qwen/Qwen2.5-7B": qwen2,
    "smollm2": smollm2,
}
"""What a recipe names -> what builds its small stand-in."""


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The folder of a small model of the same architecture: `family("Qwen/Qwen2.5-7B")`."""
    made: dict[str, str] = {}

    def build(name: str) -> str:
        if name not in made:
            made[name] = FAMILIES[name](tmp_path_factory.mktemp("family"))
        return made[name]

    return build
