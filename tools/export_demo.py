"""Turn a run of train_demo.py into a GGUF file.

    python tools/export_demo.py RUN_DIR OUT.gguf [--type Q8_0|Q4_0|F16|F32] [--name NAME]

Reads RUN_DIR/demo.pt and RUN_DIR/tokenizer.json; needs torch, numpy and gguf.
"""

import argparse
import json
from pathlib import Path

import torch
from make_gguf import NORMAL, SPECIALS, Rung, Shape, Tokenizer, special_types, write_gguf

CONTEXT = 4096
ABOUT = (
    "Demonstration and test model, 1.6M parameters, trained on the Python standard library "
    "(PSF licence) and generated tool calls. Its facts are wrong; it is no assistant."
)


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a tokenizer.json file; ValueError if its first tokens are not SPECIALS."""
    model = json.loads(path.read_text())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    if tokens[: len(SPECIALS)] != SPECIALS:
        raise ValueError(f"{path} was not trained with this model's special tokens")
    types = special_types() + [NORMAL] * (len(tokens) - len(SPECIALS))
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    return Tokenizer(tokens, types, merges)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", default="Q8_0", choices=["Q8_0", "Q4_0", "F16", "F32"])
    parser.add_argument("--name", default="hostler-demo")
    arguments = parser.parse_args()
    run = torch.load(arguments.run_dir / "demo.pt", weights_only=True)
    weights = ((name, tensor.float().numpy()) for name, tensor in run["weights"].items())
    tokenizer = read_tokenizer(arguments.run_dir / "tokenizer.json")
    rung = Rung(Shape(**run["shape"], context=CONTEXT), len(tokenizer.tokens), arguments.type, about=ABOUT)
    parameters = write_gguf(arguments.out, arguments.name, rung=rung, tokenizer=tokenizer, weights=weights)
    print(f"{arguments.out}: {parameters} parameters, {arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
