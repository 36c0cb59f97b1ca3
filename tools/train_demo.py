"""Train the demo model, a 1.6M-parameter llama-architecture model, on a CPU.

    python tools/train_demo.py CORPUS.json RUN_DIR [--minutes 12 | --steps N] [--threads 2] [shape options]

CORPUS.json comes from make_corpus.py. Writes RUN_DIR/tokenizer.json (byte-level BPE) and, every
30 s and at the end, RUN_DIR/demo.pt; export_demo.py turns both into a GGUF file. The learning rate
is flat for the first 30% of the budget and then falls along a cosine. The state dict uses GGUF's
tensor names. Needs torch and tokenizers; set OMP_WAIT_POLICY=passive on a shared machine.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from make_gguf import SPECIALS
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from torch.nn import functional

ADAM_LR, MUON_LR = 4e-3, 0.02


HELD_OUT_DOCS, HELD_OUT_ROWS = 200, 16
FLAT_SHARE, FLOOR, WARM_UP = 0.3, 0.02, 20
REPORT_EVERY = 30.0
"""Seconds between reports and saves."""
EARLY_REPORTS = (3, 10, 20)
MATRIX = 2


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--steps", type=int, help="a budget in steps instead of minutes (demo.gguf: 1487)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--dim", type=int, default=160)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=5)
    parser.add_argument("--kv-heads", type=int, default=5)
    parser.add_argument("--ff", type=int, default=448)
    parser.add_argument("--seq", type=int, default=192, help="tokens per training row")
    parser.add_argument("--batch", type=int, default=12, help="rows per step")
    return parser.parse_args()


def train_tokenizer(docs: list[str], vocab: int) -> Tokenizer:
    """A byte-level BPE tokenizer whose first tokens are SPECIALS."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=SPECIALS,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(docs, trainer)
    return tokenizer


def rows(docs: list[list[int]], seq: int) -> Iterator[list[int]]:
    """Join documents to rows of seq + 1 tokens; what does not fit at a row's end is dropped."""
    row: list[int] = []
    for d in docs:
        row = row + d
        if len(row) > seq:
            yield row[: seq + 1]
            row = []


def endless_rows(docs: list[list[int]], seq: int) -> Iterator[list[int]]:
    while True:
        random.shuffle(docs)
        yield from rows(docs, seq)


class Norm(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight, 1e-5)


class Rope:
    """Rotary positions on interleaved pairs, as llama.cpp's "llama" architecture expects."""

    def __init__(self, head: int, seq: int) -> None:
        inv = 1.0 / (10000.0 ** (torch.arange(0, head, 2).float() / head))
        angle = torch.outer(torch.arange(seq).float(), inv)
        self.cos, self.sin = angle.cos(), angle.sin()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        a, b, n = x[..., 0::2], x[..., 1::2], x.shape[-2]
        c, s = self.cos[:n].to(x.dtype), self.sin[:n].to(x.dtype)
        return torch.stack((a * c - b * s, a * s + b * c), -1).flatten(-2)


def linear(i: int, o: int) -> nn.Linear:
    return nn.Linear(i, o, bias=False)


class Block(nn.Module):
    def __init__(self, a: argparse.Namespace, rope: Rope) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head, self.rope = a.heads, a.kv_heads, a.dim // a.heads, rope
        self.attn_norm = Norm(a.dim)
        self.attn_q = linear(a.dim, a.heads * self.head)
        self.attn_k = linear(a.dim, a.kv_heads * self.head)
        self.attn_v = linear(a.dim, a.kv_heads * self.head)
        self.attn_output = linear(a.heads * self.head, a.dim)
        self.ffn_norm = Norm(a.dim)
        self.ffn_gate, self.ffn_up, self.ffn_down = linear(a.dim, a.ff), linear(a.dim, a.ff), linear(a.ff, a.dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, _ = x.shape
        h = self.attn_norm(x)
        q = self.rope(self.attn_q(h).view(b, n, self.heads, self.head).transpose(1, 2))
        k = self.rope(self.attn_k(h).view(b, n, self.kv_heads, self.head).transpose(1, 2))
        v = self.attn_v(h).view(b, n, self.kv_heads, self.head).transpose(1, 2)
        repeat = self.heads // self.kv_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_output(y.transpose(1, 2).reshape(b, n, -1))
        h = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    """Module names are GGUF tensor names; the output matrix is the embedding (tied)."""

    def __init__(self, a: argparse.Namespace, vocab: int) -> None:
        super().__init__()
        rope = Rope(a.dim // a.heads, a.seq)
        self.token_embd = nn.Embedding(vocab, a.dim)
        self.blk = nn.ModuleList(Block(a, rope) for _ in range(a.layers))
        self.output_norm = Norm(a.dim)
        for name, p in self.named_parameters():
            if name == "token_embd.weight":
                nn.init.normal_(p, std=0.02)
            elif p.dim() == MATRIX:
                nn.init.normal_(p, std=0.5 / math.sqrt(p.shape[1]))
                if name.endswith(("attn_output.weight", "ffn_down.weight")):
                    p.data /= math.sqrt(2 * a.layers)

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        h = self.token_embd(batch[:, :-1])
        for b in self.blk:
            h = b(h)
        logits = functional.linear(self.output_norm(h), self.token_embd.weight)
        return functional.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())


class Muon(torch.optim.Optimizer):
    """Momentum, then Newton-Schulz orthogonalisation of each matrix's update."""

    def __init__(self, params: list[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # the argument is torch's
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.lerp_(p.grad, 0.05)
                x = p.grad.lerp(m, 0.95)
                x = x / (x.norm() + 1e-7)
                tall = x.shape[0] > x.shape[1]
                x = x.T if tall else x
                for _ in range(5):
                    y = x @ x.T
                    x = 3.4445 * x + (-4.7750 * y + 2.0315 * y @ y) @ x
                x = x.T if tall else x
                scale = max(1, p.shape[0] / p.shape[1]) ** 0.5
                p.mul_(1 - group["lr"] * 0.05).add_(x, alpha=-group["lr"] * scale)


@dataclass
class Progress:
    """Where a training stands."""

    start: float
    reported: float
    step: int = 0
    seen: int = 0
    average: float | None = None

    def add(self, loss: float, tokens: int) -> None:
        self.step += 1
        self.seen += tokens
        self.average = loss if self.average is None else 0.95 * self.average + 0.05 * loss

    def due(self) -> bool:
        return self.step in EARLY_REPORTS or time.time() - self.reported > REPORT_EVERY


def done_share(a: argparse.Namespace, progress: Progress) -> float:
    """Share of the budget that is used."""
    return progress.step / a.steps if a.steps else (time.time() - progress.start) / (60 * a.minutes)


def rate(done: float, step: int) -> float:
    """Factor on the learning rates: a short warm-up, flat, then a cosine."""
    falling = 0.5 * (1 + math.cos(math.pi * (done - FLAT_SHARE) / (1 - FLAT_SHARE)))
    return min(1, (step + 1) / WARM_UP) * (1 if done < FLAT_SHARE else max(FLOOR, falling))


def train(net: Model, a: argparse.Namespace, *, ids: list[list[int]], save: Callable[[], None]) -> Progress:
    """Train until the budget is used; saves at every report and at the end."""
    held_out = torch.tensor(list(rows(ids[:HELD_OUT_DOCS], a.seq))[:HELD_OUT_ROWS])
    batches = endless_rows(ids[HELD_OUT_DOCS:], a.seq)
    matrices = [p for n, p in net.named_parameters() if p.dim() == MATRIX and n != "token_embd.weight"]
    others = [p for n, p in net.named_parameters() if p.dim() < MATRIX or n == "token_embd.weight"]
    muon = Muon(matrices, MUON_LR)
    adam = torch.optim.AdamW(others, lr=ADAM_LR, betas=(0.9, 0.95), weight_decay=0)
    progress = Progress(time.time(), time.time())
    while (done := done_share(a, progress)) < 1:
        scale = rate(done, progress.step)
        muon.param_groups[0]["lr"], adam.param_groups[0]["lr"] = MUON_LR * scale, ADAM_LR * scale
        batch = torch.tensor([next(batches) for _ in range(a.batch)])
        with torch.autocast("cpu", torch.bfloat16):
            loss = net.loss(batch)
        muon.zero_grad(set_to_none=True)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        muon.step()
        adam.step()
        progress.add(loss.item(), batch.numel())
        if progress.due():
            report(net, held_out, progress=progress)
            save()
    save()
    return progress


def report(net: Model, held_out: torch.Tensor, *, progress: Progress) -> None:
    """Print one line about the training."""
    progress.reported = time.time()
    seconds = progress.reported - progress.start
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        held = net.loss(held_out).item()
    speed = progress.seen / seconds
    print(
        f"step {progress.step}  {seconds:.0f} s  {progress.seen / 1e6:.2f}M tokens  {speed:.0f} tokens/s  "
        f"loss {progress.average:.3f}  held-out {held:.3f}",
        flush=True,
    )


def main() -> None:
    a = read_arguments()
    torch.manual_seed(0)
    random.seed(0)
    torch.set_num_threads(a.threads)
    a.run_dir.mkdir(parents=True, exist_ok=True)

    docs = json.loads(a.corpus.read_text())["docs"]
    tokenizer = train_tokenizer(docs, a.vocab)
    tokenizer.save(str(a.run_dir / "tokenizer.json"))
    ids = [encoding.ids for encoding in tokenizer.encode_batch(docs)]
    net = Model(a, tokenizer.get_vocab_size())
    print(f"{sum(p.numel() for p in net.parameters())} parameters, {sum(map(len, ids))} tokens", flush=True)
    shape = {k: getattr(a, k) for k in ("layers", "dim", "heads", "kv_heads", "ff")}

    def save() -> None:
        torch.save({"shape": shape, "weights": net.state_dict()}, a.run_dir / "demo.pt")

    progress = train(net, a, ids=ids, save=save)
    print(f"done: {progress.step} steps, {progress.seen / 1e6:.2f}M tokens, loss {progress.average:.3f}")


if __name__ == "__main__":
    main()
