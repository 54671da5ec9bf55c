"""Eyes for a language model: an Idefics3 of a vision tower that has learnt to see, a new connector and the model."""

from __future__ import annotations

import copy
from typing import Any

from emocal_rl.models.tiny import chat_template

SEED = 0
"""Of the new connector's weights: the same model every time."""
CHAT_TEMPLATE = chat_template("\n", "<|im_end|>\n")
"""ChatML, as SmolLM2 was taught, with a place for pictures."""


def with_eyes(language: Any, tokenizer: Any, seeing: Any, processor: Any) -> tuple[Any, Any]:
    """An Idefics3 and its processor: the tower and the picture processor of `seeing`, the weights of `language`.

    The connector is new and has nothing to do with either yet, so it must be trained; its outputs start at the size of
    word embeddings.

    Args:
        language: a causal language model of a type that Idefics3 takes as its text model; its weights are moved.
        seeing, processor: an Idefics3 and its processor; left as they are.
    """
    import torch
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration

    tokenizer.add_tokens([processor.global_image_tag], special_tokens=True)
    eyes = type(processor)(
        copy.deepcopy(processor.image_processor),
        tokenizer,
        image_seq_len=processor.image_seq_len,
        chat_template=CHAT_TEMPLATE,
    )
    language.resize_token_embeddings(max(len(tokenizer), language.config.vocab_size), mean_resizing=False)
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    config = Idefics3Config(
        image_token_id=tokenizer.convert_tokens_to_ids(processor.image_token),
        scale_factor=seeing.config.scale_factor,
        tie_word_embeddings=language.config.tie_word_embeddings,
        text_config=language.config.to_dict() | special,
        vision_config=seeing.config.vision_config.to_dict(),
        **special,
    )
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = Idefics3ForConditionalGeneration(config).to(language.dtype)
    model.model.text_model.load_state_dict(language.get_decoder().state_dict())
    model.lm_head.load_state_dict(language.get_output_embeddings().state_dict())
    model.model.vision_model.load_state_dict(seeing.model.vision_model.state_dict())
    _scale(model)
    model.tie_weights()
    return model, eyes


def _scale(model: Any) -> None:
    """Multiply the connector so that a visual token is as long as a word's embedding, for inputs of unit size."""
    import torch

    words, projection = model.get_input_embeddings().weight, model.model.connector.modality_projection.proj.weight
    with torch.no_grad():
        projection *= words.float().std() / (projection.float().std() * projection.shape[1] ** 0.5)
