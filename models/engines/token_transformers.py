"""TokenTransformers: a model folder as an Outlines model that is fed and read in token ids.

Knows transformers; knows nothing of requests or grammars.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from outlines.models import Transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LogitsProcessorList
from transformers.utils.logging import disable_progress_bar

from models.engines.continuous_batching import decode
from models.engines.precision import precision
from models.engines.sampler import Sampler
from models.errors import ModelNotFound

disable_progress_bar()  # a bar of its own would tear the progress that the command shows


class TokenTransformers(Transformers):  # type: ignore[misc]
    """Outlines' stock model tokenises a templated prompt with special tokens once more, and returns text only, so that
    neither the usage nor the end of a text could be known."""

    def generate_batch(self, model_input: Sequence[Sequence[int]], output_type: Sampler) -> list[list[int]]:
        """As Outlines' Generator calls it: prompts in token ids, and the sampler that draws and keeps their tokens."""
        rows = output_type.rows
        with torch.inference_mode():
            if output_type.jumps:
                decode(self.model, output_type)
            else:
                ids, mask = self._padded(model_input)
                self.model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    logits_processor=LogitsProcessorList([output_type]),
                    max_new_tokens=max(row.limit for row in rows),
                )
        return [row.tokens for row in rows]

    def _padded(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(len(prompt) for prompt in prompts)
        ids = torch.full((len(prompts), width), self.hf_tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):  # padded on the left, so that all rows end at the same place
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        device = self.model.device
        return ids.to(device), mask.to(device)

    @classmethod
    def load(cls, folder: Path, name: str, dtype: str = "auto") -> TokenTransformers:
        """The model and tokenizer in `folder`, on the GPU if there is one; `dtype`: see `precision`. Raises
        ModelNotFound, naming it `name`."""
        cuda = torch.cuda.is_available()
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(
                folder, config=config, local_files_only=True, dtype=precision(folder, config, dtype)
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            reason = str(error).split("\n", 1)[0]
            raise ModelNotFound(f"The model in {name} cannot be loaded: {reason}") from error
        if tokenizer.chat_template is None or tokenizer.eos_token_id is None:
            raise ModelNotFound(
                f"{name} has no chat template or no end-of-text token, so it cannot take messages.",
                "Choose a model tuned for chat.",
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        # The model's own defaults (top_k, repetition penalty, …) must not add to what a request asks for.
        model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
        )
        return cls(model.to("cuda" if cuda else "cpu").eval(), tokenizer)
