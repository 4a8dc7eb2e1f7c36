"""Packed weights: what the tensors of a checkpoint represent, where several of them are one quantised weight.

Sources: GPTQ and AWQ: AutoGPTQ's `QuantLinear` (`qlinear_cuda.py`), AutoAWQ's `WQLinear_GEMM`; bitsandbytes:
`QuantState.as_dict` of `functional.py`, `Linear8bitLt`; MXFP4: the OCP Microscaling specification 1.0 (blocks of 32
elements of 4 bits with a scale of 8), as in gpt-oss; fp8: DeepSeek-V3's `weight_scale_inv`, compressed-tensors'
`weight_scale`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING

from shapecalc.checkpoints.contents import BITS, StoredTensor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

__all__ = ["unpacked"]

_WORD = 32
"""The bits of the integers that GPTQ and AWQ pack elements into."""
_BUFFERS = (
    "running_mean", "running_var", "num_batches_tracked", "inv_freq", "position_ids", "masked_bias", "attn.bias",
    "e_score_correction_bias",
)  # fmt: skip
"""Tensors that state dicts have beside the parameters: statistics, tables of positions, masks."""
_STATES = ("optim", "opt_state", "lr_sched", "scheduler", "rng", "scaler", "ema")


def unpacked(tensors: Sequence[StoredTensor], containers: Collection[str] = ()) -> Sequence[StoredTensor]:
    """Return the weights of a checkpoint, in the order of their first tensors.

    What is in `containers` named like an optimizer, dicts around tensors, is its state.
    """
    every = _without_digits([tensor.name for tensor in tensors])
    packed, used = _packed(tensors) if any(mark in every for mark in _READERS) else ({}, set())
    others: set[str] = set()
    for buffer in _BUFFERS:
        if buffer in every:
            others.update(tensor.name for tensor in tensors if f".{tensor.name}".endswith(f".{buffer}"))
    states = tuple([f"{container}." for container in containers if container.startswith(_STATES)])
    if states:
        others.update(tensor.name for tensor in tensors if tensor.name.startswith(states))
    plain = _with_parameters(tensors, others)
    if not packed:
        return plain
    return [packed.get(tensor.name, tensor) for tensor in plain if tensor.name in packed or tensor.name not in used]


def _without_digits(names: Iterable[str]) -> str:
    """Return names without digits, each once: few, in which a word is found sooner than in thousands."""
    written = "\n".join(names).encode(errors="replace").translate(None, b"0123456789")
    return b"\n".join({*written.split(b"\n")}).decode()


def _packed(tensors: Sequence[StoredTensor]) -> tuple[dict[str, StoredTensor], set[str]]:
    """Return the packed weights by the name of the tensor with their elements, and all tensors that they consist of."""
    readers_of: dict[str, dict[_Reader, None]] = {}
    known: dict[str, dict[_Reader, None]] = {}
    for tensor in tensors:
        module, _, leaf = tensor.name.rpartition(".")
        if leaf not in known:
            known[leaf] = {reader: None for mark, reader in _READERS.items() if mark in leaf}
        if known[leaf]:
            module = module.removesuffix(".quant_state").removesuffix(".weight")
            readers_of[module] = readers_of.get(module, {}) | known[leaf]
    members = _members(tensors, readers_of)
    packed: dict[str, StoredTensor] = {}
    used: set[str] = set()
    for module, readers in readers_of.items():
        for reader in readers:
            for weight, parts in reader(module, members[module]):
                packed[parts[0].name] = weight
                used.update([part.name for part in parts])
    return packed, used


def _members(tensors: Sequence[StoredTensor], modules: Collection[str]) -> dict[str, dict[str, StoredTensor]]:
    """Return the tensors of some modules by their names within them; a part of a weight may be below one."""
    found: dict[str, dict[str, StoredTensor]] = {module: {} for module in modules}
    for tensor in tensors:
        module = tensor.name
        for _ in range(_LEVELS):
            module, dot, _ = module.rpartition(".")
            if module in found:
                found[module][tensor.name[len(module) + len(dot) :]] = tensor
                break
    return found


_LEVELS = 3


_Packed = tuple[StoredTensor, list[StoredTensor]]
"""A packed weight with its tensors: the first one has the elements."""


def _weight(
    elements: StoredTensor, dtype: str, shape: tuple[int, ...] | None, scales: Iterable[StoredTensor | None], leaf: str,
    module: str, params: int | None = None,
) -> _Packed:  # fmt: skip
    others = [scale for scale in scales if scale is not None]
    count = prod(shape or ()) if params is None else params
    represents = f"{module}.{leaf}" if module else leaf
    overhead = sum(other.bytes for other in others)
    weight = StoredTensor(
        elements.name, dtype, shape, count, elements.bytes, "", overhead, 1 + len(others), True, represents
    )
    return weight, [elements, *others]


def _grouped(module: str, members: dict[str, StoredTensor]) -> Iterator[_Packed]:
    """Yield a weight of GPTQ or AWQ: words of 32 bits, with scales and zero points of groups of its rows.

    GPTQ packs along the input features, AWQ along the output features: the scales have as many columns as the latter.
    """
    words, scales, zeros = (members.get(name) for name in ("qweight", "scales", "qzeros"))
    if words is None or scales is None or len(words.sizes) != 2 or len(scales.sizes) != 2 or not prod(scales.sizes):
        return
    (rows, columns), features = words.sizes, scales.sizes[1]
    others = [scales, zeros, members.get("g_idx")]
    if columns == features:
        packs = zeros.sizes[1] if zeros and len(zeros.sizes) == 2 and zeros.sizes[1] else features // 8
        bits = _WORD * packs // features
        if bits:
            yield _weight(words, f"GPTQ-{bits}", (features, rows * _WORD // bits), others, "weight", module)
    elif bits := _WORD * columns // features:
        yield _weight(words, f"AWQ-{bits}", (features, rows), others, "weight", module)


def _bitsandbytes(module: str, members: dict[str, StoredTensor]) -> Iterator[_Packed]:
    """Yield a weight of 4 bits of bitsandbytes: two elements a byte. Its sizes are not in the header."""
    bytes_ = members.get("weight")
    if bytes_ is None or bytes_.dtype not in ("U8", "I8") or "weight.absmax" not in members:
        return
    others = [tensor for leaf, tensor in members.items() if leaf.startswith("weight.")]
    kind = next((leaf.rpartition("__")[2] for leaf in members if "bitsandbytes__" in leaf), "")
    yield _weight(bytes_, (kind or "4-bit").upper(), None, others, "weight", module, 2 * bytes_.params)


def _integers(module: str, members: dict[str, StoredTensor]) -> Iterator[_Packed]:
    """Yield a weight of 8 bits of bitsandbytes: integers, and a scale of each row."""
    weight, scales = members.get("weight"), members.get("SCB")
    if weight is None or scales is None:
        return
    yield _weight(weight, weight.dtype, weight.shape, [scales, members.get("weight_format")], "weight", module)


def _scaled(module: str, members: dict[str, StoredTensor]) -> Iterator[_Packed]:
    """Yield a weight of 8 bits with a scale, of the whole or of blocks."""
    weight = members.get("weight")
    names = ("weight_scale", "weight_scale_inv", "scale_weight", "weight_zero_point", "input_scale", "scale_input")
    others = [members.get(name) for name in names]
    if weight is None or BITS.get(weight.dtype, 0) > 8 or not any(others[:3]):
        return
    yield _weight(weight, weight.dtype, weight.shape, others, "weight", module)


def _packed_words(module: str, members: dict[str, StoredTensor]) -> Iterator[_Packed]:
    """Yield a weight of compressed-tensors of 4 bits: eight elements a word, or two a byte (NVFP4)."""
    words, scales = members.get("weight_packed"), members.get("weight_scale")
    if words is None or scales is None or len(words.sizes) != 2:
        return
    names = ("weight_zero_point", "weight_g_idx", "weight_shape", "weight_global_scale", "input_global_scale")
    rows, columns = words.sizes
    shape = (rows, columns * BITS.get(words.dtype, 8) // 4)
    dtype = "NVFP4" if words.dtype == "U8" else "INT4"
    yield _weight(words, dtype, shape, [scales, *(members.get(name) for name in names)], "weight", module)


def _blocks(module: str, members: dict[str, StoredTensor]) -> Iterator[_Packed]:
    """Yield the weights of MXFP4: blocks of two elements a byte, and a scale of each block."""
    for leaf, blocks in members.items():
        name = leaf.removesuffix("_blocks")
        scales = members.get(f"{name}_scales") if name != leaf else None
        if scales and len(blocks.sizes) > 1 and blocks.sizes[:-1] == scales.sizes:
            *first, groups, width = blocks.sizes
            yield _weight(blocks, "MXFP4", (*first, groups * width * 2), [scales], name, module)


_Reader = Callable[[str, dict[str, StoredTensor]], Iterator[_Packed]]
_READERS: dict[str, _Reader] = {
    "qweight": _grouped, "absmax": _bitsandbytes, "SCB": _integers, "weight_scale": _scaled, "scale_weight": _scaled,
    "weight_packed": _packed_words, "_blocks": _blocks,
}  # fmt: skip
"""Parts of names of tensors that belong to a packed weight, and what reads those of a module."""


def _with_parameters(tensors: Sequence[StoredTensor], others: set[str]) -> Sequence[StoredTensor]:
    """Return tensors with their parameters: integers, and what is named by `others`, have none.

    Types that are not of safetensors are blocks of GGUF, or PyTorch's integers with a scale.
    """
    integers = {dtype for dtype in {tensor.dtype for tensor in tensors} if dtype in BITS and not _is_real(dtype)}
    if not integers and not others:
        return tensors
    return [
        tensor._replace(params=0)
        if (tensor.dtype in integers and not tensor.is_packed) or tensor.name in others
        else tensor
        for tensor in tensors
    ]


def _is_real(dtype: str) -> bool:
    return dtype[0] in "FBC" and dtype != "BOOL"
