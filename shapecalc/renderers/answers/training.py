"""The parts of the memory of training, and notes on what is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.answers.serving import show_bits
from shapecalc.renderers.cells import show_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.questions.memory import Memory, Training
    from shapecalc.questions.memory.training.parallelism import Parallelism

__all__ = ["training_amounts", "training_notes"]


def training_amounts(training: Training) -> Iterator[tuple[str, int]]:
    """Yield the parts besides weights and buffers: a name and its bytes."""
    if training.weight_copies:
        yield "16-bit copies of weights", training.weight_copies
    if training.gathered:
        yield "gathered weights of one layer", training.gathered
    if training.lora:
        yield "weights of adapters", training.adapters
    if training.adapted:
        yield "adapted weights of experts", training.adapted
    yield "gradients of " + ("adapters" if training.lora else "weights"), training.gradients
    yield f"state of {training.optimizer}" + (", master copy" if training.mixed_precision else ""), training.state
    yield "activations, at the peak", training.peak - training.activation_gradients - training.loss_at_peak
    yield "gradients of activations, at the peak", training.activation_gradients
    if training.loss_at_peak:
        yield "loss: log-softmax, gradients", training.loss_at_peak


def training_notes(memory: Memory, training: Training) -> Iterator[str]:
    """Yield sentences on what the figures of training include."""
    yield (
        f"Training: {show_bytes(training.kept)} of activations are saved for the backward pass, as in PyTorch; "
        f"with the gradients of activations, memory peaks {_WHEN.get(training.direction, '')}, at {clean(training.at)}."
        f"{_gradients(memory, training)}"
    )
    if training.loss != "none":
        saved = f"{training.loss_saved:,} bytes ({show_bytes(training.loss_saved)})"
        yield (
            f"Loss: cross-entropy of the logits, which are {training.scores:,} bytes ({show_bytes(training.scores)}): "
            f"their log-softmax{_width_of_loss(memory, training)} and the targets, {saved}, are saved for the "
            f"backward pass, in addition to the activations."
        )
    if training.segments:
        segments = f"{count_noun(training.segments, 'segment')} ({clean(training.checkpoint)})"
        again = "each is computed again in the backward pass, one at a time"
        yield f"Checkpointing: of {segments} only the inputs are saved; {again}."
    if training.parallelism:
        yield from _devices(training.parallelism, training, caches=bool(memory.kv_cache or memory.state_cache))
    if training.lora:
        trained = f"{training.trainable:,} parameters are trained"
        bits = show_bits(memory.widths.weights)
        frozen = f"the weights of the network are frozen, at {bits} bits, without gradients or state"
        copies = " Beside experts, what adapters add is added to copies of their weights." if training.adapted else ""
        yield f"LoRA ({clean(training.lora)}): {trained}; {frozen}.{copies}"
    yield f"The optimizer ({training.optimizer}) {_state(training)}{_PRECISIONS.get(training.precision, '')}."


def _width_of_loss(memory: Memory, training: Training) -> str:
    """Return the bits of the log-softmax, and why they may be other than those of the logits."""
    if training.loss_bits != _FP32:
        return f", in {show_bits(training.loss_bits)} bits too,"
    if training.precision == "amp":
        return ", in fp32 as autocast computes it,"
    is_copied = memory.widths.activations < _FP32
    return ", in fp32 as transformers computes that of causal language models," if is_copied else " in fp32"


def _devices(devices: Parallelism, training: Training, *, caches: bool) -> Iterator[str]:
    """Yield how devices share the work, and what the figures are of."""
    groups = {"data": devices.data, "tensor": devices.tensor, "pipeline": devices.pipeline}
    shown = " × ".join([f"{size:,} ({name})" for name, size in groups.items() if size > 1]) or "1"
    stage = f", in stage {training.stage + 1} of the pipeline, which needs the most" if devices.pipeline > 1 else ""
    shares = caches and devices.tensor * devices.pipeline > 1
    whole = " The cache below is that of all devices which share a sample." if shares else ""
    yield f"Devices: {devices.devices:,} = {shown}. All bytes are those of one device{stage}.{whole}"
    if devices.zero and devices.data == 1:
        yield f"ZeRO {devices.zero} divides nothing, without data parallelism: set --devices (devices= in Python)."
    elif devices.zero:
        divided = ("the optimizer's state", "gradients, and the optimizer's state",
                   "weights, gradients, and the optimizer's state")[devices.zero - 1]  # fmt: skip
        gathers = "; a layer's weights and gradients are whole while it runs" if training.gathered else ""
        yield f"ZeRO {devices.zero}: each device has 1/{devices.data:,} of {divided}{gathers}."
    if devices.tensor > 1:
        rest = "; of everything else, its part of the positions" if devices.sequence else ""
        yield f"Of attention and of pairs of matrices each device has 1/{devices.tensor:,} of the features{rest}."
    if training.repeated_heads:
        times, heads = devices.tensor // training.repeated_heads, training.repeated_heads
        cache = f"; each device has 1/{heads:,} of the cache below" if caches and heads > 1 else ""
        yield f"{count_noun(heads, 'head')} of keys and values: on {times:,} devices{' each' * (heads > 1)}{cache}."
    if devices.pipeline > 1:
        parts = "1 microbatch passes" if devices.microbatches == 1 else f"{devices.microbatches:,} microbatches pass"
        yield f"{parts} through the pipeline in turn (1F1B), each of the batch above."
    if devices.expert > 1:
        yield f"Experts are divided among {devices.expert:,} devices."


def _gradients(memory: Memory, training: Training) -> str:
    """Return the sentence on the width of gradients, behind another; those of adapters have that of the adapters."""
    return "" if training.lora else f" Gradients of weights have {show_bits(memory.widths.weights)} bits."


def _state(training: Training) -> str:
    """Return how an optimizer keeps its state."""
    if not training.state or (training.mixed_precision and training.optimizer in {"none", "sgd"}):
        return "has no state"
    if training.state_bits == _BYTE:
        return "keeps 8 bits a value, with a scale for each 256; tensors of fewer than 4,096 elements keep fp32"
    return f"keeps its state in {'fp32' if training.state_bits == _FP32 else f'{show_bits(training.state_bits)} bits'}"


_WHEN = {
    "forward": "in the forward pass",
    "backward": "in the backward pass",
    "recomputing": "in the backward pass, while a segment is computed again",
}
_BYTE, _FP32 = 8, 32

_PRECISIONS = {
    "mixed": "; mixed precision adds an fp32 copy of the weights",
    "amp": "; autocast copies the weights of layers that multiply to 16 bits for each step, and only these layers "
    "compute in 16 bits",
}
"""What is said of some precisions."""
