"""Commands about how an answer was made."""

import asyncio
from collections.abc import Iterator, Sequence

from lechat_tui.commands.base import Host, command, shortened
from lechat_tui.commands.checks import MAX_NUMBER_DIGITS, index_of
from lechat_tui.message import Message, Receipt, StopReason
from lechat_tui.plaintext import safe
from lechat_tui.talk import phrases

ENDED: dict[StopReason, str] = {
    "end": "on its own",
    "length": "at the token limit",
    "stopped": "because you stopped it",
    "failed": "because the engine failed",
}


@command("/why", "show how the last answer was made, or message N", argument="[N]")
async def why(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    index = index_of(host, rest) if rest else len(messages) - 1
    if index is None:
        return
    found = _receipt(messages, index, last=not rest)
    if found is None:
        host.say("there is no answer yet" if not rest else f"message {rest} has no answer")
        return
    number, receipt = found
    rows = list(table(receipt))
    width = max(len(name) for name, _ in rows)
    lines = "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
    host.say(f"how message {number} was made\n{lines}")


def _receipt(messages: Sequence[Message], index: int, *, last: bool) -> tuple[int, Receipt] | None:
    """The number and the receipt of this answer, of the answer to this question, or of the last one."""
    candidates = range(index, -1, -1) if last else range(index, min(index + 2, len(messages)))
    for at in candidates:
        receipt = messages[at].receipt
        if receipt and messages[at].role in ("assistant", "summary"):
            return at + 1, receipt
    return None


def table(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """A receipt, row by row; what is unknown has no row."""
    yield "model", receipt.model
    if receipt.server:
        yield "server", receipt.server
    if receipt.file:
        yield "file", ", ".join(filter(None, (receipt.file, receipt.quant)))
    if receipt.sha256:
        yield "sha256", receipt.sha256
    for adapter in receipt.adapters:
        yield "adapter", ", ".join(filter(None, (str(adapter), adapter.sha256 and f"sha256 {adapter.sha256}")))
    if receipt.template:
        yield "template", receipt.template
    yield "context", f"{receipt.context:,} tokens" + (f", KV cache {receipt.kv_type}" if receipt.kv_type else "")
    if receipt.memory:
        yield "memory", receipt.memory
    sampling = receipt.sampling
    yield "sampling", str(sampling)
    again = "; /regen same reproduces the last answer" if receipt.pieces == 1 and not receipt.server else ""
    yield "seed", f"{sampling.seed}{again}"
    yield "max length", "unlimited" if sampling.max_tokens is None else f"{sampling.max_tokens:,} tokens"
    yield "prompt", f"{receipt.prompt_tokens:,} tokens, {receipt.cached_tokens:,} of them from the KV cache"
    for document in receipt.documents:
        yield "document", safe(document)
    if receipt.pictures:
        tokens = sum(receipt.picture_tokens.values())
        yield "images", f"{receipt.pictures}" + (f", {tokens:,} tokens" if tokens else "")
    yield (
        "left out",
        "nothing" if not receipt.left_out else f"the {receipt.left_out} oldest messages that are not pinned",
    )
    if receipt.completion_tokens:
        speed = f", {receipt.tokens_per_s:.1f} tokens/s" if receipt.tokens_per_s else ""
        yield "answer", f"{receipt.completion_tokens:,} tokens, the first after {receipt.ttft_ms:,.0f} ms{speed}"
    if receipt.cpu:
        yield "threads", receipt.cpu
    if used := phrases.energy(receipt):
        yield "energy", f"{used}; of processor and GPU, with what other programs used"
    if receipt.pieces > 1:
        yield "parts", f"{receipt.pieces}, by /continue; the figures are those of the last"
    yield "ended", ENDED[receipt.stop_reason]
    if receipt.engine:
        yield "engine", receipt.engine


@command("/sources", "list the passages that the last answer cites, or show passage N on its page", argument="[N]")
async def sources(host: Host, rest: str) -> None:
    from lechat_tui.attachments.passages import sources_of  # not needed for the first paint
    from lechat_tui.talk.sources import listing, page_of

    conversation = host.conversation
    known = await asyncio.to_thread(sources_of, conversation.messages)
    number = rest.strip("[]?")
    if not known:
        host.say("no passage of a library is in this chat; /library NAME answers questions from one")
    elif not rest:
        host.show_text("Sources", listing(conversation.messages))
    elif not number.isdecimal() or len(number) > MAX_NUMBER_DIGITS or int(number) not in known:
        host.say(f"there is no passage {shortened(rest)}; this chat has {_range(sorted(known))}", error=True)
    else:
        page = await asyncio.to_thread(page_of, known[int(number)], host.conversation.messages)
        host.show_text(page.title, page.text, page.passage)


def _range(numbers: Sequence[int]) -> str:
    return f"passages 1 to {numbers[-1]}" if len(numbers) > 1 else f"passage {numbers[0]}"


@command("/stats", "show tokens and speed of the last answer; on shows them beside every answer", argument="[on|off]")
async def stats(host: Host, rest: str) -> None:
    if rest in ("on", "off"):
        host.show_figures(rest == "on")
        host.remember("stats", rest == "on")
        state, other = ("shown", "off") if rest == "on" else ("hidden", "on")
        host.say(f"the speed of every answer is {state} from now on; /stats {other} changes that")
        return
    if rest:
        host.say("/stats on shows the speed beside every answer, /stats off hides it", error=True)
        return
    messages = host.conversation.messages
    growing = host.conversation.busy
    if growing and messages and messages[-1].state != "draft":
        host.say("the answer has not begun yet; the line below the prompt shows what the model is doing")
        return
    receipt = next((m.receipt for m in reversed(messages) if m.receipt), None)
    so_far = " so far" if growing else ""
    host.say(f"{phrases.figures(receipt)}{so_far}" if receipt else "there is no answer yet")
