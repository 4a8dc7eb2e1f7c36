"""Packed weights: what the tensors of a checkpoint represent, where several of them are one quantised weight.

Sources: GPTQ and AWQ: AutoGPTQ's `QuantLinear` (`qlinear_cuda.py`), AutoAWQ's `WQLinear_GEMM`; bitsandbytes:
`QuantState.as_dict` of `functional.py`, `Linear8bitLt`; MXFP4: the OCP Microscaling specification 1.0 (blocks of 32
elements of 4 bits with a scale of 8), as in gpt-oss; fp8: DeepSeek-V3's `weight_scale_inv`, compressed-tensors'
`weight_scale`.
"""

from __future__ import annotations

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
    packed, used = _packed(tensors) if any(mark in every for mark in _MARKS) else ({}, set())
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
    modules: dict[str, dict[str, StoredTensor]] = {}
    for tensor in tensors:
        module, _, leaf = tensor.name.rpartition(".")
        if any(mark in leaf for mark in _MARKS):
            modules.setdefault(module.removesuffix(".quant_state").removesuffix(".weight"), {})
    for tensor in tensors:
        for module in _modules_of(tensor.name):
            if module in modules:
                modules[module][tensor.name[len(module) + 1 if module else 0 :]] = tensor
                break
    packed: dict[str, StoredTensor] = {}
    used: set[str] = set()
    for module, members in modules.items():
        for weight, parts in _found(module, members):
            packed[parts[0].name] = weight
            used.update(part.name for part in parts)
    return packed, used


_BITSANDBYTES = "bitsandbytes__"
_MARKS = (
    "qweight", "SCB", "weight_packed", "weight_scale", "scale_weight", "absmax", "quant_map", "_blocks", _BITSANDBYTES,
)  # fmt: skip
"""Parts of names of tensors that belong to a packed weight."""


def _modules_of(name: str) -> Iterable[str]:
    """Yield the modules around a tensor, the innermost first, as far as a part of a weight may be below one."""
    for _ in range(3):
        name, dot, _ = name.rpartition(".")
        yield name
        if not dot:
            return


def _found(module: str, members: dict[str, StoredTensor]) -> Iterable[tuple[StoredTensor, list[StoredTensor]]]:
    """Yield the packed weights of a module, each with its tensors: the first one has the elements."""
    for read in (_grouped, _bitsandbytes, _integers, _scaled, _packed_words):
        found = read(module, members)
        if found:
            yield found
    for leaf, blocks in members.items():
        scales = members.get(f"{leaf.removesuffix('_blocks')}_scales")
        if leaf.endswith("_blocks") and scales and len(blocks.sizes) > 1 and blocks.sizes[:-1] == scales.sizes:
            *first, groups, width = blocks.sizes
            shape = (*first, groups * width * 2)
            yield _weight(blocks, "MXFP4", shape, [scales], leaf.removesuffix("_blocks"), module)


_Found = tuple[StoredTensor, list[StoredTensor]] | None


def _weight(
    elements: StoredTensor, dtype: str, shape: tuple[int, ...] | None, scales: Iterable[StoredTensor | None], leaf: str,
    module: str, params: int | None = None,
) -> tuple[StoredTensor, list[StoredTensor]]:  # fmt: skip
    others = [scale for scale in scales if scale is not None]
    count = prod(shape or ()) if params is None else params
    represents = f"{module}.{leaf}" if module else leaf
    overhead = sum(other.bytes for other in others)
    weight = StoredTensor(
        elements.name, dtype, shape, count, elements.bytes, "", overhead, 1 + len(others), True, represents
    )
    return weight, [elements, *others]


def _grouped(module: str, members: dict[str, StoredTensor]) -> _Found:
    """Return a weight of GPTQ or AWQ: words of 32 bits, with scales and zero points of groups of its rows.

    GPTQ packs along the input features, AWQ along the output features: the scales have as many columns as the latter.
    """
    words, scales, zeros = (members.get(name) for name in ("qweight", "scales", "qzeros"))
    if words is None or scales is None or len(words.sizes) != 2 or len(scales.sizes) != 2 or not prod(scales.sizes):
        return None
    (rows, columns), features = words.sizes, scales.sizes[1]
    others = [scales, zeros, members.get("g_idx")]
    if columns == features:
        packs = zeros.sizes[1] if zeros and len(zeros.sizes) == 2 and zeros.sizes[1] else features // 8
        bits = _WORD * packs // features
        return (
            _weight(words, f"GPTQ-{bits}", (features, rows * _WORD // bits), others, "weight", module) if bits else None
        )
    bits = _WORD * columns // features
    return _weight(words, f"AWQ-{bits}", (features, rows), others, "weight", module) if bits else None


def _bitsandbytes(module: str, members: dict[str, StoredTensor]) -> _Found:
    """Return a weight of 4 bits of bitsandbytes: two elements a byte. Its sizes are not in the header."""
    bytes_ = members.get("weight")
    if bytes_ is None or bytes_.dtype not in ("U8", "I8") or "weight.absmax" not in members:
        return None
    others = [tensor for leaf, tensor in members.items() if leaf.startswith("weight.")]
    kind = next((leaf.rpartition("__")[2] for leaf in members if _BITSANDBYTES in leaf), "")
    return _weight(bytes_, (kind or "4-bit").upper(), None, others, "weight", module, 2 * bytes_.params)


def _integers(module: str, members: dict[str, StoredTensor]) -> _Found:
    """Return a weight of 8 bits of bitsandbytes: integers, and a scale of each row."""
    weight, scales = members.get("weight"), members.get("SCB")
    if weight is None or scales is None:
        return None
    return _weight(weight, weight.dtype, weight.shape, [scales, members.get("weight_format")], "weight", module)


def _scaled(module: str, members: dict[str, StoredTensor]) -> _Found:
    """Return a weight of 8 bits with a scale, of the whole or of blocks."""
    weight = members.get("weight")
    names = ("weight_scale", "weight_scale_inv", "scale_weight", "weight_zero_point", "input_scale", "scale_input")
    others = [members.get(name) for name in names]
    if weight is None or BITS.get(weight.dtype, 0) > 8 or not any(others[:3]):
        return None
    return _weight(weight, weight.dtype, weight.shape, others, "weight", module)


def _packed_words(module: str, members: dict[str, StoredTensor]) -> _Found:
    """Return a weight of compressed-tensors of 4 bits: eight elements a word, or two a byte (NVFP4)."""
    words, scales = members.get("weight_packed"), members.get("weight_scale")
    if words is None or scales is None or len(words.sizes) != 2:
        return None
    names = ("weight_zero_point", "weight_g_idx", "weight_shape", "weight_global_scale", "input_global_scale")
    rows, columns = words.sizes
    shape = (rows, columns * BITS.get(words.dtype, 8) // 4)
    dtype = "NVFP4" if words.dtype == "U8" else "INT4"
    return _weight(words, dtype, shape, [scales, *(members.get(name) for name in names)], "weight", module)


def _with_parameters(tensors: Sequence[StoredTensor], others: set[str]) -> Sequence[StoredTensor]:
    """Return tensors with their parameters: integers, and what is named by `others`, have none.

    Types that are not of safetensors are blocks of GGUF, or PyTorch's integers with a scale.
    """
    integers = {dtype for dtype in {tensor.dtype for tensor in tensors} if dtype in BITS and not _is_real(dtype)}
    if not integers and not others:
        return tensors
    return [
        tensor._replace(params=0) if tensor.dtype in integers or tensor.name in others else tensor for tensor in tensors
    ]


def _is_real(dtype: str) -> bool:
    return dtype[0] in "FBC" and dtype != "BOOL"
