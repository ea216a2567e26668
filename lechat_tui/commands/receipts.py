"""Commands about how an answer was made."""

from collections.abc import Iterator, Sequence

from lechat_tui.commands.base import Host, command
from lechat_tui.commands.context import numbered
from lechat_tui.message import Message, Receipt, StopReason
from lechat_tui.talk import phrases

ENDED: dict[StopReason, str] = {
    "end": "by itself",
    "length": "at the token limit",
    "stopped": "because you stopped it",
    "failed": "because the engine failed",
}


@command("/why", "how the last answer was made, or the one that /context numbers N", argument="[N]")
async def why(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    place = numbered(messages, rest) if rest else len(messages) - 1
    if place is None:
        host.say(f"there is no message {rest}; /context numbers them", error=True)
        return
    found = _answer(messages, place, last=not rest)
    if found is None:
        host.say("there is no answer yet" if not rest else f"message {rest} has no answer")
        return
    number, receipt = found
    rows = list(table(receipt))
    wide = max(len(name) for name, _ in rows)
    told = "\n".join(f"{name:<{wide}}  {value}" for name, value in rows)
    host.say(f"how message {number} was made\n{told}")


def _answer(messages: Sequence[Message], place: int, *, last: bool) -> tuple[int, Receipt] | None:
    """The number and the receipt of this answer, of the answer to this question, or of the last one."""
    after = range(place, -1, -1) if last else range(place, min(place + 2, len(messages)))
    for at in after:
        receipt = messages[at].receipt
        if receipt and messages[at].role in ("assistant", "summary"):
            return at + 1, receipt
    return None


def table(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """A receipt, row by row; what is not known has no row."""
    yield "model", receipt.model
    yield "file", ", ".join(filter(None, (receipt.file, receipt.quant)))
    if receipt.sha256:
        yield "sha256", receipt.sha256
    for adapter in receipt.adapters:
        yield "adapter", ", ".join(filter(None, (str(adapter), adapter.sha256 and f"sha256 {adapter.sha256}")))
    if receipt.template:
        yield "template", receipt.template
    yield "context", f"{receipt.context:,} tokens" + (f", the KV cache as {receipt.kv_type}" if receipt.kv_type else "")
    if receipt.memory:
        yield "memory", receipt.memory
    sampling = receipt.sampling
    yield "sampling", str(sampling)
    again = "; /regen same draws the last answer again" if receipt.pieces == 1 else ""
    yield "seed", f"{sampling.seed}{again}"
    yield "longest", "as long as it takes" if sampling.max_tokens is None else f"{sampling.max_tokens:,} tokens"
    yield "prompt", f"{receipt.prompt_tokens:,} tokens, {receipt.cached_tokens:,} of them from the KV cache"
    if receipt.pictures:
        tokens = sum(receipt.picture_tokens.values())
        yield "pictures", f"{receipt.pictures}" + (f", {tokens:,} tokens" if tokens else "")
    yield (
        "left out",
        "nothing" if not receipt.left_out else f"the {receipt.left_out} oldest messages that are not pinned",
    )
    if receipt.completion_tokens:
        speed = f", {receipt.tokens_per_s:.1f} tokens/s" if receipt.tokens_per_s else ""
        yield "answer", f"{receipt.completion_tokens:,} tokens, the first after {receipt.ttft_ms:,.0f} ms{speed}"
    if receipt.pieces > 1:
        yield "pieces", f"{receipt.pieces}, by /continue; the figures are of the last"
    yield "ended", ENDED[receipt.stop_reason]
    if receipt.engine:
        yield "engine", receipt.engine


@command("/stats", "the figures of the last answer; on: beside every answer", argument="[on|off]")
async def stats(host: Host, rest: str) -> None:
    if rest in ("on", "off"):
        host.show_figures(rest == "on")
        host.remember("stats", rest == "on")
        return
    if rest:
        host.say("/stats on says beside every answer how fast it was, /stats off says nothing", error=True)
        return
    receipt = next((m.receipt for m in reversed(host.conversation.messages) if m.receipt), None)
    host.say(phrases.figures(receipt) if receipt else "there is no answer yet")
