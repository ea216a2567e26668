"""Trains chaton: the text stage, the vision stage beside it, then both together. Data is sampled by seed.

python tools/chaton/train.py --work build/chaton             everything, about an hour on two cores
python tools/chaton/train.py --work build/chaton text        one stage
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import corpus
import pictures
import torch
import torch.distributed
import torch.nn.functional as F
from model import Decoder, DecoderShape, Vision, VisionShape
from tokens import BEGIN, CONTROL, PAD, PICTURE, Encoded, Vocabulary, encode
from torch import Tensor, nn

DECODER = DecoderShape(width=256, heads=8, inner=640)
VISION = VisionShape()


@dataclass(frozen=True)
class Stage:
    steps: int
    tokens: int
    """Maximum padded tokens per batch."""
    rate: float
    decay: float
    """Share of the steps at the end over which the learning rate falls to zero."""


TEXT = Stage(steps=700, tokens=6144, rate=3e-3, decay=0.0)
SIGHT = Stage(steps=6000, tokens=32, rate=2e-3, decay=0.3)
JOINT = Stage(steps=2540, tokens=4096, rate=2.5e-3, decay=0.75)


DRILLS = 30
"""Rows of copied random tokens per 480 dialogues."""

EXERCISES = 0.4
"""Share of the dialogues that drill one hard skill."""


# ---- data ------------------------------------------------------------------------------------------------------


def drill(rng: random.Random) -> Encoded:
    """Random tokens, repeated once: the fastest way to learn copying."""
    once = rng.choices(range(len(CONTROL), DECODER.vocabulary), k=rng.randint(8, 60))
    return Encoded([BEGIN, *once, *once], [0.0] * (len(once) + 2) + [0.5] * (len(once) - 1), ())


def batches(vocabulary: Vocabulary, seed: int, tokens: int, *, with_pictures: bool = False) -> Iterator[list[Encoded]]:
    """Batches of dialogues of similar length, to save padding."""
    rng = random.Random(seed)
    while True:
        pool = [drill(rng) for _ in range(8 if with_pictures else DRILLS)]
        for _ in range(192 if with_pictures else 480):
            dialogue = corpus.dialogue(
                rng, pictures=with_pictures, budget=900 if with_pictures else rng.choice((700, 1500, 2600))
            )
            if not with_pictures and rng.random() < EXERCISES:
                dialogue = corpus.exercise(rng)
            pool.append(encode(vocabulary, dialogue, keep_thinking=rng.random() < 0.5))
        pool.sort(key=lambda e: len(e.ids))
        cut: list[list[Encoded]] = [[]]
        for encoded in pool:
            if len(encoded.ids) * (len(cut[-1]) + 1) > tokens:
                cut.append([])
            cut[-1].append(encoded)
        rng.shuffle(cut)
        yield from (batch for batch in cut if batch)


def padded(batch: list[Encoded]) -> tuple[Tensor, Tensor]:
    length = max(len(e.ids) for e in batch)
    ids = torch.tensor([e.ids + [PAD] * (length - len(e.ids)) for e in batch])
    weights = torch.tensor([e.weights + [0.0] * (length - len(e.ids)) for e in batch])
    return ids, weights


# ---- losses ----------------------------------------------------------------------------------------------------


def text_loss(decoder: Decoder, embedded: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of the answers' tokens; the output matrix is applied only to those."""
    hidden = decoder(embedded)
    due = weights[:, 1:] > 0
    logits = decoder.logits(hidden[:, :-1][due]).float()
    losses = F.cross_entropy(logits, ids[:, 1:][due], reduction="none")
    weight = weights[:, 1:][due]
    return (losses * weight).sum() / weight.sum()


def joint_loss(decoder: Decoder, vision: Vision, batch: list[Encoded], rng: random.Random) -> Tensor:
    """A batch of dialogues with images of one grid size: PICTURE tokens are replaced by the tower's tokens."""
    grid = pictures.some_grid(rng, sum(len(e.drawings) for e in batch))
    drawn = [pictures.render(d, grid, rng) for e in batch for d in e.drawings]
    seen = list(vision(torch.stack(drawn))) if drawn else []
    length = len(seen[0]) if seen else 0
    rows, ids, weights = [], [], []
    for encoded in batch:
        row, row_ids, row_weights, start = [], [], [], 0
        table = decoder.embedding(torch.tensor(encoded.ids))
        for place, token in [*enumerate(encoded.ids), (len(encoded.ids), PICTURE)]:
            if token != PICTURE:
                continue
            row.append(table[start:place].to(seen[0].dtype) if seen else table[start:place])
            row_ids += encoded.ids[start:place]
            row_weights += encoded.weights[start:place]
            if place < len(encoded.ids):
                row.append(seen.pop(0))
                row_ids += [PICTURE] * length
                row_weights += [0.0] * length
            start = place + 1
        rows.append(torch.cat([part.float() for part in row]))
        ids.append(row_ids)
        weights.append(row_weights)
    longest = max(map(len, ids))
    embedded = torch.stack([F.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
    return text_loss(
        decoder,
        embedded,
        torch.tensor([i + [PAD] * (longest - len(i)) for i in ids]),
        torch.tensor([w + [0.0] * (longest - len(w)) for w in weights]),
    )


# ---- optimizer -------------------------------------------------------------------------------------------------


class Learner:
    """Muon for the matrices, AdamW for the rest, and a running mean of the weights for export."""

    def __init__(self, modules: list[nn.Module], stage: Stage) -> None:
        self.stage, self.modules, self.step = stage, modules, 0
        self.first = 0
        named = [(name, p) for module in modules for name, p in module.named_parameters()]
        matrices = [p for name, p in named if p.dim() == 2 and "embedding" not in name]
        others = [p for name, p in named if p.dim() != 2 or "embedding" in name]
        self.parameters = matrices + others
        self.optimizers = [
            torch.optim.Muon(matrices, lr=stage.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=stage.rate, betas=(0.9, 0.97), weight_decay=0.0),
        ]
        self.mean = [p.detach().clone() for p in self.parameters]

    def resume(self, step: int) -> None:
        """Continue from loaded weights with a fresh optimizer state and warm-up."""
        self.step = self.first = step
        self.mean = [p.detach().clone() for p in self.parameters]

    def rate(self) -> float:
        done, stage = self.step / self.stage.steps, self.stage
        falling = min(1.0, (1 - done) / stage.decay) if stage.decay else 1.0
        return stage.rate * min(1.0, (self.step - self.first + 1) / 40) * falling

    def update(self) -> None:
        """One step with the current gradients."""
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        done = self.step - self.first
        keep = min(0.99, done / (done + 20))
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.parameters], 1 - keep)

    def averaged(self) -> list[dict[str, Tensor]]:
        """State dicts of the running mean."""
        by_weight = dict(zip(map(id, self.parameters), self.mean, strict=True))
        return [{name: by_weight[id(p)].clone() for name, p in module.named_parameters()} for module in self.modules]


def save(path: Path, **content: object) -> None:
    beside = path.with_suffix(".part")
    torch.save(content, beside)
    beside.replace(path)


# ---- stages ----------------------------------------------------------------------------------------------------


def learn_vocabulary(work: Path) -> Vocabulary:
    path = work / "tokenizer.json"
    if not path.exists():
        rng = random.Random(7)
        dialogues = [corpus.dialogue(rng) for _ in range(12_000)]
        vocabulary = Vocabulary.learn(
            text for d in dialogues for t in d.turns for text in (d.system, t.user, t.answer, t.thinking) if text
        )
        vocabulary.tokenizer.save(str(path))
    return Vocabulary.load(path)


def train_text(work: Path, stage: Stage) -> None:
    torch.manual_seed(1)
    vocabulary = learn_vocabulary(work)
    decoder = Decoder(DECODER)
    learner = Learner([decoder], stage)
    stream = batches(vocabulary, 1, stage.tokens)
    if (work / "text.pt").exists():
        state = torch.load(work / "text.pt")
        decoder.load_state_dict(state["decoder"])
        learner.resume(state["step"])
        stream = batches(vocabulary, 1 + state["step"], stage.tokens)
    started, recent, seen = time.monotonic(), [], 0
    while learner.step < stage.steps:
        ids, weights = padded(next(stream))
        with torch.autocast("cpu", torch.bfloat16):
            loss = text_loss(decoder, decoder.embedding(ids), ids, weights)
        loss.backward()
        learner.update()
        recent.append(loss.item())
        seen += ids.numel()
        if learner.step % 20 == 0:
            print(
                f"text {learner.step} loss {sum(recent) / len(recent):.4f} tokens {seen} seconds {time.monotonic() - started:.0f}",
                flush=True,
            )
            recent = []
        if learner.step % 100 == 0 or learner.step == stage.steps:
            save(work / "text.pt", decoder=decoder.state_dict(), mean=learner.averaged()[0], step=learner.step)


def train_sight(work: Path, stage: Stage) -> None:
    """Pretrain the tower to classify colors and shapes from the mean of its tokens."""
    torch.manual_seed(2)
    rng = random.Random(2)
    vision = Vision(VISION, DECODER.width)
    heads = nn.Linear(DECODER.width, len(pictures.COLOURS) + len(pictures.SHAPES))
    learner = Learner([vision, heads], stage)
    started, recent = time.monotonic(), []
    while learner.step < stage.steps:
        grid = rng.choice(((3, 3), (3, 3), (3, 3), (3, 4), (4, 3), (4, 4), (4, 6), (2, 4)))
        drawings = [corpus.some_drawing(rng) for _ in range(stage.tokens)]
        drawn = torch.stack([pictures.render(d, grid, rng) for d in drawings])
        with torch.autocast("cpu", torch.bfloat16):
            tokens, _, _ = vision.tokens(drawn)
            guess = heads(tokens.mean(1)).float()
        colour = torch.tensor([pictures.COLOURS.index(d.colour) for d in drawings])
        shape = torch.tensor([pictures.SHAPES.index(d.shape) for d in drawings])
        of_colour, of_shape = guess[:, : len(pictures.COLOURS)], guess[:, len(pictures.COLOURS) :]
        loss = F.cross_entropy(of_colour, colour) + F.cross_entropy(of_shape, shape)
        loss.backward()
        learner.update()
        recent.append(
            ((of_colour.argmax(1) == colour).float().mean().item(), (of_shape.argmax(1) == shape).float().mean().item())
        )
        if learner.step % 50 == 0:
            right = [sum(column) / len(recent) for column in zip(*recent, strict=True)]
            print(
                f"sight {learner.step} colour {right[0]:.3f} shape {right[1]:.3f} seconds {time.monotonic() - started:.0f}",
                flush=True,
            )
            recent = []
        if learner.step % 200 == 0 or learner.step == stage.steps:
            save(work / "sight.pt", vision=vision.state_dict(), mean=learner.averaged()[0], step=learner.step)


def train_joint(work: Path, stage: Stage, rank: int) -> None:
    """Two processes, one core each: rank 0 trains on text, rank 1 on images, with summed gradients."""
    torch.manual_seed(3)
    torch.distributed.init_process_group("gloo", init_method=f"file://{work}/meeting", rank=rank, world_size=2)
    vocabulary = learn_vocabulary(work)
    decoder, vision = Decoder(DECODER), Vision(VISION, DECODER.width)
    again = torch.load(work / "joint.pt") if (work / "joint.pt").exists() else {}
    decoder.load_state_dict((again or torch.load(work / "text.pt"))["decoder"])
    vision.load_state_dict((again or torch.load(work / "sight.pt"))["vision"])
    learner = Learner([decoder, vision], stage)
    learner.resume(again.get("step", 0))
    rng = random.Random(30 + rank + 2 * learner.step)
    stream = batches(
        vocabulary,
        40 + rank + 2 * learner.step,
        stage.tokens if rank == 0 else stage.tokens // 2,
        with_pictures=rank == 1,
    )
    started, recent = time.monotonic(), []
    while learner.step < stage.steps:
        batch = next(stream)
        with torch.autocast("cpu", torch.bfloat16):
            if rank == 0:
                ids, weights = padded(batch)
                loss = text_loss(decoder, decoder.embedding(ids), ids, weights)
            else:
                loss = joint_loss(decoder, vision, batch, rng)
        loss.backward()
        waited = time.monotonic()
        flat = torch.cat(
            [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in learner.parameters]
        )
        torch.distributed.all_reduce(flat)
        waited = time.monotonic() - waited
        for p, part in zip(learner.parameters, flat.split([p.numel() for p in learner.parameters]), strict=True):
            p.grad = part.view_as(p)
        learner.update()
        recent.append((loss.item(), waited))
        if learner.step % 20 == 0:
            mean = [sum(column) / len(recent) for column in zip(*recent, strict=True)]
            name = "pictures" if rank else "text"
            print(
                f"joint {name} {learner.step} loss {mean[0]:.4f} waited {mean[1]:.2f} seconds {time.monotonic() - started:.0f}",
                flush=True,
            )
            recent = []
        if rank == 0 and (learner.step % 100 == 0 or learner.step == stage.steps):
            mean_decoder, mean_vision = learner.averaged()
            save(
                work / "joint.pt",
                decoder=decoder.state_dict(),
                vision=vision.state_dict(),
                mean=mean_decoder,
                mean_vision=mean_vision,
                step=learner.step,
            )


def run(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, *arguments], env={**os.environ, "OMP_NUM_THREADS": "1"})


def together(*processes: subprocess.Popen[bytes]) -> None:
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("a training stage failed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", nargs="?", choices=("all", "text", "sight", "joint"), default="all")
    parser.add_argument("--work", type=Path, default=Path("build/chaton"))
    parser.add_argument("--rank", type=int, help="set by the joint stage for its two processes")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # two threads on two contended cores are slower than one
    match options.stage:
        case "text":
            train_text(work, TEXT)
        case "sight":
            train_sight(work, SIGHT)
        case "joint" if options.rank is not None:
            train_joint(work, JOINT, options.rank)
        case "joint":
            (work / "meeting").unlink(missing_ok=True)
            together(*(run("joint", "--work", str(work), "--rank", str(rank)) for rank in (0, 1)))
        case _:
            learn_vocabulary(work)
            together(run("text", "--work", str(work)), run("sight", "--work", str(work)))
            together(run("joint", "--work", str(work)))


if __name__ == "__main__":
    main()
