"""One answer from beginning to end: fit the conversation, evaluate the prompt, generate, write the receipt."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import llama_cpp

from lechat_tui.engine.base import Done, Event, Fitted, Request
from lechat_tui.engine.llama.continuing import continued_prompt, first_prompt
from lechat_tui.engine.llama.decode import Generation
from lechat_tui.engine.llama.fitting import plan_prompt
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.prefill import prefill
from lechat_tui.engine.llama.sampling import Sampler
from lechat_tui.engine.llama.segments import Segment, image_tokens
from lechat_tui.message import Attachment, Receipt


def answer(llama: Llama, request: Request, stopped: Callable[[], bool]) -> Iterator[Event]:
    """Yield the events of one answer, which ends early when `stopped` turns true; the cache stays usable.

    Raises `EngineError`; `ContextOverflow` when the question does not fit.
    """
    llama.reopen()
    llama.apply_adapters(request.model.adapters)
    began, energy = time.perf_counter(), llama.energy.start()
    seed = request.sampling.seed
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else seed & 0xFFFFFFFF
    if llama.threads:
        llama.threads.begin(request.sampling, request.threads)
    prompt = continued_prompt(llama, request) if request.continues else first_prompt(llama, request)
    segments, fitted = prompt.segments, prompt.fitted
    receipt = _receipt(llama, request, seed, fitted, segments)
    yield replace(fitted, receipt=receipt)
    left_out = len(fitted.left_out)
    for progress in prefill(llama, segments, stopped, request.chat, request.reuse, left_out=left_out):
        receipt = replace(receipt, cached_tokens=progress.cached)
        yield progress
    with closing(Sampler(request.sampling, seed, llama.vocab.size)) as sampler:
        sampling, detokenizer = request.sampling, prompt.detokenizer
        generation = Generation(
            llama, sampler, sampling.max_tokens, detokenizer, drafts=request.drafts, stop=sampling.stop
        )
        yield from generation.run(stopped)
    yield Done(
        replace(
            receipt,
            completion_tokens=generation.count,
            drafted=generation.drafted,
            accepted=generation.accepted,
            drafts=tuple(generation.drafts),
            threads=tuple(llama.threads.changes) if llama.threads else (),
            cpu=llama.threads.sentence() if llama.threads else "",
            ttft_ms=round((generation.first_token_at - began) * 1000, 1),
            tokens_per_s=round(generation.speed, 2),
            joules=llama.energy.since(energy),
            stop_reason=generation.reason,
        )
    )


def plan(llama: Llama, request: Request) -> Iterator[Event]:
    """Yield what would fit of the request. Raises `EngineError`."""
    llama.reopen()
    yield plan_prompt(llama, request)


def _receipt(llama: Llama, request: Request, seed: int, fitted: Fitted, segments: Sequence[Segment]) -> Receipt:
    """The receipt, as far as it is known before the first token."""
    model = llama.spec
    return Receipt(
        model=model.name,
        file=model.path.name,
        sha256=model.sha256,
        quant=llama.quant,
        template=llama.template.id,
        context=llama.window,
        sampling=replace(request.sampling, seed=seed),
        prompt_tokens=fitted.tokens,
        left_out=len(fitted.left_out),
        pictures=sum(isinstance(segment, Attachment) for segment in segments),
        picture_tokens=image_tokens(llama, segments),
        engine=f"llama-cpp-python {llama_cpp.__version__}",
        adapters=request.model.applied,
        kv_type=llama.tuning.kv_type,
        memory=llama.tuning.note,
    )
