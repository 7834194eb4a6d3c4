"""Conversion: a GGUF file as a Hugging Face folder: safetensors in bfloat16, tokenizer, chat template.

`python -m models.fetching.conversion FILE FOLDER` in a process of its own: meanwhile a model may need its memory twice,
and transformers shows bars. What went wrong is the last line on stdout. Knows transformers; knows no cache.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(file: Path, folder: Path) -> int:
    """Convert; the exit code is 1 where that failed."""
    try:
        convert(file, folder)
    except Exception as error:  # of the file, of transformers, of the disk: who asked has a sentence for each
        lines = str(error).strip().splitlines() or [""]
        sys.stdout.write(f"\n{type(error).__name__}: {lines[0]}\n")
        return 1
    return 0


def convert(file: Path, folder: Path) -> None:
    """Write the model in `file` to `folder`. Raises whatever reading and writing raise."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # Newer releases leave weights packed where they find kernels for it, unless they are told not to.
    packing = getattr(transformers, "GgufConfig", None)
    plain = {"quantization_config": packing(dequantize=True)} if packing else {}
    # Read into the type that is written: as float32 a file of eight bits a weight would need four times its size.
    read = transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.bfloat16, **plain
    )
    # transformers does not save a model that was read from quantised weights, though they no longer are.
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(read.state_dict(), assign=True)
    model.tie_weights()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
