"""The cost of lechat's decode loop, relative to llama.cpp's own, in one run.

    python benchmarks/decode.py [MODEL.gguf] [--tokens 500] [--rounds 4] [--threads 1]
    python benchmarks/decode.py [MODEL.gguf] --child [--tokens 50] [--rounds 20]
    python benchmarks/decode.py [MODEL.gguf] --course 16000

The first generates answers of one length in several ways. These take turns of a few tokens: the plainest loop over
the low-level bindings (the reference), lechat's, and llama-cpp-python's `create_chat_completion(stream=True)`. These
run one after the other: the plain loop again, lechat in its child process, and `llama-bench` and `llama-server` if
they are on the PATH.

The second generates short answers in turns, by wall-clock time: the plain loop here, lechat in its child process.
Nothing else is loaded, so it suits large models.

The third generates one long answer in the first three ways, and prints what a token costs along the way.

All use the same samplers and seed. With one thread, what takes turns is measured in CPU time, which is the same on a
busy machine; everything else by wall-clock time. The plain loop and lechat's have a context each and exchange them
after every round, since where the memory of a context lies can cost more than the loop. A small model needs long
turns, so that the processor's caches hold its memory; a large one short turns, so that other load on the machine
affects all equally.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import gguf
import llama_cpp
from peers import Peer, llama_bench, llama_server, silence_llama

from lechat_tui import paths
from lechat_tui.engine.base import Done, LocalModel, ModelSpec, Request, TuningOptions
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.decode import decode
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Sampling

QUESTION = "Count from 1 to 300"
SAMPLING = Sampling(temperature=0.7, top_k=40, top_p=0.95, seed=1)
OPTIONS = {"temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0.0, "seed": 1}
"""The same for `create_chat_completion`."""

PLAIN, OURS, HIGH = "plain low-level loop", "lechat", "create_chat_completion"


def plain(llama: Llama, tokens: int) -> Iterator[int]:
    """Sample, detokenize, decode and nothing else. Yields the number of tokens every so often."""
    prompt = llama.template.prompt([Message("user", QUESTION)]).ids
    llama.cache.clear()
    decode(llama.context, prompt)
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in (
        llama_cpp.llama_sampler_init_top_k(SAMPLING.top_k),
        llama_cpp.llama_sampler_init_top_p(SAMPLING.top_p, 1),
        llama_cpp.llama_sampler_init_temp(SAMPLING.temperature),
        llama_cpp.llama_sampler_init_dist(SAMPLING.seed),
    ):
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    yield 0
    for count in range(1, tokens + 1):
        token = llama_cpp.llama_sampler_sample(chain, llama.context, -1)
        llama.vocab.piece(token)
        decode(llama.context, (token,))
        if count % 4 == 0 or count == tokens:
            yield count
    llama_cpp.llama_sampler_free(chain)
    llama.cache.clear()


def ours(llama: Llama, tokens: int) -> Iterator[int]:
    """lechat's `answer`, events included."""
    request = Request(llama.spec, (Message("user", QUESTION),), replace(SAMPLING, max_tokens=tokens))
    prompt = len(llama.template.prompt(request.messages).ids)
    llama.cache.clear()
    for _ in answer(llama, request, lambda: False):
        yield max(0, len(llama.cache.cells) - prompt)


def high_level(peer: Peer, tokens: int) -> Iterator[int]:
    """The function that most programs call."""
    talk = [{"role": "user", "content": QUESTION}]
    for count, _ in enumerate(peer.pieces(talk, max_tokens=tokens, **OPTIONS)):
        yield count


async def through_child(engine: LocalEngine, spec: ModelSpec, tokens: int) -> float:
    """lechat through its child process and pipe: microseconds per token."""
    request = Request(spec, (Message("user", QUESTION),), replace(SAMPLING, max_tokens=tokens))
    async with aclosing(engine.stream(request)) as events:
        last = [event async for event in events][-1]
    assert isinstance(last, Done)
    return 1e6 / last.receipt.tokens_per_s


async def alone_through_child(spec: ModelSpec, tokens: int) -> float:
    """One answer from a child process started for it."""
    engine = LocalEngine()
    cost = await through_child(engine, spec, tokens)
    await engine.close()
    return cost


async def pairs(model: Path, tokens: int, rounds: int, threads: int) -> None:
    """Answers of the plain loop and the child in turns; which one begins alternates."""
    spec = LocalModel("model", model, context=4096, tuning=TuningOptions(threads=threads))
    llama, engine = Llama(spec, lambda _: None), LocalEngine()
    await through_child(engine, spec, tokens)  # loads the model, and touches all weights
    _race({PLAIN: plain(llama, tokens)}, tokens, tokens, time.perf_counter)
    costs: dict[str, list[float | None]] = {PLAIN: [], f"{OURS}, in its child process": []}
    for number in range(rounds):
        for name in sorted(costs, reverse=number % 2 == 0):
            if name == PLAIN:
                costs[name] += _race({PLAIN: plain(llama, tokens)}, tokens, tokens, time.perf_counter)[PLAIN]
            else:
                costs[name].append(await through_child(engine, spec, tokens))
    llama.close()
    await engine.close()
    print(f"{model.name}, {tokens} tokens, {threads} threads; median of {rounds} rounds, ratios within a round")
    _print_speeds("answers by turns, by the clock", costs)


def sprint(model: Path, tokens: int, stint: int, rounds: int, threads: int) -> None:
    """Answers of one length."""
    spec = LocalModel("model", model, context=4096, tuning=TuningOptions(threads=threads))
    first, second = (Llama(spec, lambda _: None) for _ in range(2))
    peer = Peer(model, context=4096, threads=threads)
    alone: dict[str, Callable[[], float | None]] = {
        PLAIN: lambda: _race({PLAIN: plain(first, tokens)}, tokens, tokens, time.perf_counter)[PLAIN][0],
        f"{OURS}, in its child process": lambda: asyncio.run(alone_through_child(spec, tokens)),
        "llama-bench": lambda: llama_bench(model, tokens=tokens, threads=threads),
        "llama-server": lambda: llama_server(model, tokens=tokens, threads=threads),
    }
    raced: dict[str, list[float | None]] = {name: [] for name in (PLAIN, OURS, HIGH)}
    timed: dict[str, list[float | None]] = {name: [] for name in alone}
    for _ in range(rounds):
        ways = {PLAIN: plain(first, tokens), OURS: ours(second, tokens), HIGH: high_level(peer, tokens)}
        for name, [cost] in _race(ways, tokens, stint, _clock(threads)).items():
            raced[name].append(cost)
        for name, run in alone.items():
            timed[name].append(run())
        first, second = second, first
    for opened in (first, second, peer):
        opened.close()
    print(f"{model.name}, {tokens} tokens, {threads} threads; median of {rounds} rounds, ratios within a round")
    _print_speeds("by turns", raced)
    _print_speeds("alone, by the clock", timed)


def _print_speeds(title: str, costs: dict[str, list[float | None]]) -> None:
    """Tokens per second, and the ratio to the first of them."""
    print(title)
    base = next(iter(costs.values()))
    for name, measured in costs.items():
        if None in measured:
            print(f"  {name:<28} is not on the PATH")
            continue
        speed = statistics.median(1e6 / cost for cost in measured if cost)
        ratios = [first / cost for first, cost in zip(base, measured, strict=True) if first and cost]
        spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
        print(f"  {name:<28} {speed:8.1f} tokens/s   {statistics.median(ratios):.3f} of the plain loop {spread}")


def _clock(threads: int) -> Callable[[], float]:
    return time.process_time if threads == 1 else time.perf_counter


def course(model: Path, tokens: int, stint: int, bucket: int, limit: int, rounds: int, threads: int) -> None:
    """One long answer in three ways at once; `create_chat_completion` stops at `limit` tokens."""
    spec = LocalModel("model", model, context=tokens + 256, tuning=TuningOptions(threads=threads))
    costs: dict[str, list[list[float]]] = {}
    first, second = (Llama(spec, lambda _: None) for _ in range(2))
    peer = Peer(model, context=limit + 256, threads=threads)
    for _ in range(rounds):
        ways = {PLAIN: plain(first, tokens), OURS: ours(second, tokens), HIGH: high_level(peer, limit)}
        for name, seconds in _race(ways, bucket, stint, _clock(threads)).items():
            costs.setdefault(name, []).append(seconds)
        first, second = second, first
    for opened in (first, second, peer):
        opened.close()
    print(f"{model.name}, {threads} threads, median of {rounds} rounds")
    print("microseconds per token, and difference to the plain loop")
    print(f"{'tokens':>15} {PLAIN:>22} {OURS:>22} {HIGH:>24}")
    for at in range(tokens // bucket):
        base, *others = (_median(costs[name], at) for name in (PLAIN, OURS, HIGH))
        cells = [f"{value:14.1f} {value - base:+8.1f}" if value is not None and base else " " * 23 for value in others]
        print(f"{at * bucket:>7,}-{(at + 1) * bucket:>7,} {base:22.1f} {' '.join(cells)}")


def _race(
    ways: dict[str, Iterator[int]], bucket: int, stint: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Microseconds per token for each bucket of tokens; the way that is behind continues."""
    done = dict.fromkeys(ways, 0)
    spent: dict[str, list[float]] = {name: [] for name in ways}
    drawn: dict[str, list[int]] = {name: [] for name in ways}
    running = set(ways)
    while running:
        name = min(running, key=done.__getitem__)
        goal = done[name] + stint
        while done[name] < goal:
            began = clock()
            count = next(ways[name], None)
            seconds = clock() - began
            if count is None:
                running.remove(name)
                break
            if count > done[name]:
                at = (count - 1) // bucket
                spent[name] += [0.0] * (at + 1 - len(spent[name]))
                drawn[name] += [0] * (at + 1 - len(drawn[name]))
                spent[name][at] += seconds
                drawn[name][at] += count - done[name]
                done[name] = count
    return {name: [1e6 * s / n for s, n in zip(spent[name], drawn[name], strict=True)] for name in ways}


def _median(rounds: list[list[float]], at: int) -> float | None:
    values = [seconds[at] for seconds in rounds if at < len(seconds)]
    return statistics.median(values) if values else None


def endless(model: Path, folder: Path) -> Path:
    """A copy of a small model without an end token, so that an answer gets as long as asked."""
    copy = folder / model.name
    shutil.copyfile(model, copy)
    copy.chmod(0o600)
    reader = gguf.GGUFReader(copy, "r+")
    end, padding, tokens = (
        reader.fields[f"tokenizer.ggml.{name}"] for name in ("eos_token_id", "padding_token_id", "tokens")
    )
    tokens.parts[tokens.data[end.parts[end.data[0]][0]]][:] = list(b"<.s>")  # llama.cpp knows it by its name as well
    end.parts[end.data[0]][0] = padding.parts[padding.data[0]][0]
    reader.data.flush()
    return copy


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="default: chaton; a random model never ends by itself")
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--course", type=int, metavar="TOKENS", help="one long answer instead")
    parser.add_argument("--child", action="store_true", help="short answers in turns, here and in a child process")
    parser.add_argument("--bucket", type=int, default=1000)
    parser.add_argument("--stint", type=int, default=100, help="tokens per turn")
    parser.add_argument("--limit", type=int, default=4000, help="tokens of create_chat_completion in a course")
    parser.add_argument("--rounds", type=int, default=4, help="even, since the two contexts alternate")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    silence_llama()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or endless(paths.bundled("chaton") / "chaton-q8_0.gguf", Path(folder))
        if options.course:
            course(model, options.course, options.stint, options.bucket, options.limit, options.rounds, options.threads)
        elif options.child:
            asyncio.run(pairs(model, options.tokens, options.rounds, options.threads))
        else:
            sprint(model, options.tokens, options.stint, options.rounds, options.threads)


if __name__ == "__main__":
    main()
