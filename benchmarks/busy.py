"""The speed of lechat while other programs use the cores, relative to llama.cpp with a fixed number of threads.

    python benchmarks/busy.py [MODEL.gguf] [--busy 0 1 2 4] [--rounds 3] [--seconds 2]

For each number of busy programs (each a loop on one core), these take turns: the plainest loop over llama.cpp's
functions with each number of threads, with OpenMP's default wait policy and with OMP_WAIT_POLICY=passive, and lechat's
engine, which chooses for itself. llama.cpp's default is as many threads as there are cores, and the default policy.
Prints the speed of decoding and of prefill by wall-clock time, median of the rounds, and lechat's ratio to the best
fixed setting and to the default, within a round. At the end, it compares lechat's answers at temperature 0.

Every program runs in a process of its own that keeps its model loaded. Decoding begins after a short prompt; a prompt
has 640 tokens or what is read in the time given.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lechat_tui import paths
from lechat_tui.engine.base import Delta, Done, LocalModel, Prefill, Request, TuningOptions
from lechat_tui.machine import hardware
from lechat_tui.message import Message, Sampling

CONTEXT = 2048
PROMPT_TOKENS = 640
QUESTION = "Tell me a long story about a cat and a dog who travel around the world."
WORDS = ("the", "cat", "dog", "runs", "over", "a", "hill", "and", "sees", "some", "old", "house")
WARMUP_SECONDS = 0.5
"""Time from the start of the busy programs to the first measurement."""

LECHAT = "lechat"
Work = str
"""`decode` or `prefill`."""


class Program:
    """A process that measures when it is asked."""

    def __init__(self, kind: str, model: Path, environment: Mapping[str, str]) -> None:
        command = [sys.executable, __file__, str(model), "--serve", kind]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
            text=True,
            start_new_session=True,  # as lechat starts its engine: Linux shares the cores between sessions
        )
        self.ask({"work": "load"})

    def ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def serve(kind: str, model: Path) -> None:
    """Answer questions on stdin until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    measure = lechat(model) if kind == LECHAT else plain(model)
    for line in sys.stdin:
        print(json.dumps(measure(json.loads(line))), file=answers, flush=True)


def plain(model: Path) -> Callable[[dict[str, Any]], Any]:
    """The plainest loop."""
    import llama_cpp

    from lechat_tui.engine.llama.decode import decode
    from lechat_tui.engine.llama.model import Llama

    llama = Llama(LocalModel("model", model, context=CONTEXT, tuning=TuningOptions(threads=1)), lambda _: None)

    def measure(question: dict[str, Any]) -> Any:
        if question["work"] == "load":
            return True
        count, seconds = question["threads"], question["seconds"]
        tokens = range(100, 100 + PROMPT_TOKENS)
        llama.cache.clear()
        llama_cpp.llama_set_n_threads(llama.context, count, count)
        done, began = 0, time.perf_counter()
        if question["work"] == "prefill":
            for start in range(0, PROMPT_TOKENS, llama.tuning.batch):
                piece = tokens[start : start + llama.tuning.batch]
                decode(llama.context, piece)
                done += len(piece)
                if time.perf_counter() - began > seconds:
                    break
            return done / (time.perf_counter() - began)
        decode(llama.context, tokens[:32])
        chain = llama_cpp.llama_sampler_init_greedy()
        began = time.perf_counter()
        while time.perf_counter() - began < seconds and done < CONTEXT - 64:
            decode(llama.context, (tokens[done % PROMPT_TOKENS],))
            llama_cpp.llama_sampler_sample(chain, llama.context, -1)
            done += 1
        return done / (time.perf_counter() - began)

    return measure


def lechat(model: Path) -> Callable[[dict[str, Any]], Any]:
    """lechat's engine, without the pipe to the program."""
    from lechat_tui.engine.llama.answer import answer
    from lechat_tui.engine.llama.model import Llama

    llama = Llama(LocalModel("model", model, context=CONTEXT), lambda _: None)
    words = random.Random(0)

    def measure(question: dict[str, Any]) -> Any:
        match question["work"]:
            case "load":
                return True
            case "text":
                request = Request(llama.spec, (Message("user", QUESTION),), Sampling(0.0, max_tokens=64))
                return "".join(
                    event.text for event in answer(llama, request, lambda: False) if isinstance(event, Delta)
                )
            case "prefill":
                return _prefill(question["seconds"])
        return _decode(question["seconds"])

    def _decode(seconds: float) -> tuple[float, str]:
        """Answers until so many seconds were spent on their tokens; the speed, and what the last receipt says."""
        tokens, spent, note = 0.0, 0.0, ""
        while spent < seconds:
            first: list[float] = []
            request = Request(llama.spec, (Message("user", QUESTION),), Sampling(0.7, max_tokens=CONTEXT // 2))
            for event in answer(llama, request, partial(_is_over, first, seconds - spent)):
                if isinstance(event, Delta) and not first:
                    first.append(time.perf_counter())
                if isinstance(event, Done) and event.receipt.tokens_per_s:
                    tokens += event.receipt.completion_tokens - 1
                    spent += (event.receipt.completion_tokens - 1) / event.receipt.tokens_per_s
                    note = event.receipt.cpu
        return tokens / spent, note

    def _prefill(seconds: float) -> tuple[float, str]:
        llama.cache.clear()
        text = " ".join(words.choice(WORDS) for _ in range(PROMPT_TOKENS - 40))
        request = Request(llama.spec, (Message("user", text),), Sampling(0.7, max_tokens=1))
        seen: list[tuple[float, int]] = []
        first: list[float] = []
        for event in answer(llama, request, partial(_is_over, first, seconds)):
            if isinstance(event, Prefill):
                seen.append((time.perf_counter(), event.done))
                first += [seen[0][0]] if len(seen) == 2 else []
        (start, cached), (end, done) = seen[0], seen[-1]
        return (done - cached) / (end - start), ""

    return measure


def _is_over(first: Sequence[float], seconds: float) -> bool:
    """Whether so many seconds have passed since the first moment, if there is one."""
    return bool(first) and time.perf_counter() > first[0] + seconds


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many programs that compute on one core each."""
    programs = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(count)
    ]
    try:
        time.sleep(WARMUP_SECONDS)
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def measured(programs: Mapping[str, Program], cores: int, work: Work, seconds: float) -> dict[str, float]:
    """The speed of every way, in tokens per second."""
    speeds = {}
    for name, program in programs.items():
        if name == LECHAT:
            speeds[LECHAT], note = program.ask({"work": work, "seconds": seconds})
            print(f"    {LECHAT} {work}: {speeds[LECHAT]:.1f} tokens/s {note}", file=sys.stderr)
            continue
        for count in range(1, cores + 1):
            if count > 1 or name == "spin":  # one thread waits for nobody
                question = {"work": work, "threads": count, "seconds": seconds}
                speeds[f"{count} {name}"] = program.ask(question)
    return speeds


def report(work: Work, count: int, rounds: list[dict[str, float]], default: str) -> None:
    """One row of the table."""
    fixed = {name: statistics.median(speeds[name] for speeds in rounds) for name in rounds[0] if name != LECHAT}
    best = max(fixed, key=fixed.__getitem__)
    ours = statistics.median(speeds[LECHAT] for speeds in rounds)
    to_best = statistics.median(speeds[LECHAT] / speeds[best] for speeds in rounds)
    to_default = statistics.median(speeds[LECHAT] / speeds[default] for speeds in rounds)
    others = ", ".join(f"{name} {speed:.1f}" for name, speed in fixed.items())
    print(
        f"{work:<8} {count:>2} busy  lechat {ours:8.1f} tokens/s = {to_best:5.2f} of the best ({best}) "
        f"= {to_default:6.2f} of the default   fixed: {others}",
        flush=True,
    )


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=paths.bundled("chaton") / "chaton-q8_0.gguf")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2, 4], help="numbers of busy programs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--works", nargs="+", choices=("decode", "prefill"), default=["decode", "prefill"])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.model)
        return
    cores = hardware.read().cores
    print(
        f"{options.model.name}, {cores} cores, load {os.getloadavg()[0]:.1f} before; median of {options.rounds} rounds"
    )
    settings = {"spin": {}, "passive": {"OMP_WAIT_POLICY": "passive"}, LECHAT: {}}
    programs = {name: Program(name, options.model, environment) for name, environment in settings.items()}
    try:
        texts = set()
        for count in options.busy:
            with busy(count):
                for work in options.works:
                    rounds = [measured(programs, cores, work, options.seconds) for _ in range(options.rounds)]
                    report(work, count, rounds, f"{cores} spin")
                texts.add(programs[LECHAT].ask({"work": "text"}))
        print("answers at temperature 0:", "all equal" if len(texts) == 1 else f"{len(texts)} different ones")
    finally:
        for program in programs.values():
            program.close()


if __name__ == "__main__":
    main()
