"""Single operations as run by PyTorch 2.13.0 and Keras 3.15.1: same sizes, parameters, MACs, errors.

Nothing is skipped silently: a case that we accept and the framework rejects, or that has no counterpart here, is in a
table below with its reason, and the tables are tested to be complete and without surplus.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from searching import some

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS, find_kind
from shapecalc.layers.base.layer import Composite
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer

DATA = Path(__file__).parent.parent / "data"
CASES: dict[str, dict[str, Any]] = {
    f"{framework}-{case['id']}": case
    for framework in ("torch", "keras")
    for case in json.loads((DATA / f"{framework}_ops.json").read_text(encoding="utf-8"))["cases"]
}

LIMITS: dict[str, str] = {
    "torch-12": "padding='same' is not supported with strides there; TensorFlow pads so, and we follow it",
    "torch-218": "nn.LPPool1d stumbles over a kernel_size in a list, of any length",
    "torch-288": "nn.LPPool1d stumbles over a kernel_size in a list, of any length",
    "torch-328": "transposed convolutions take no padding='same' there; Keras' do, and we follow it",
    "keras-20": "strides and dilation_rate above 1 are not supported together there; PyTorch's convolution takes both",
}
"""Errors that are the framework's own limit, case by case, with the reason why we accept them."""

OURS: dict[str, str] = {
    "torch-312": "0 channels: PyTorch computes with tensors that hold nothing; here every size is at least 1",
}
"""Cases that the framework accepts and we reject on purpose, with the reason."""

NOT_APPLICABLE: dict[str, str] = {
    "torch-334": "Flatten from axis 0 mixes the batch into the features; networks here have no batch axis to touch",
    "torch-410": "squeeze without dim takes out the batch axis too; we ask which axes go",
    "torch-382": "a composite kind, opened by the spec builder: tests/language compares its totals",
}
"""Cases beyond the scope of this package, with the reason."""

COUNTS = {"answered": 213, "refused": 60, "limit": 5, "ours": 1, "not applicable": 3}
"""The number of cases of each sort."""

REASONS = (
    ("groups", "groups"),
    ("channels, but got", "must divide channels"),
    ("Kernel size can't be greater", "does not fit"),
    ("output size would be zero", "does not fit"),
    ("at most half of effective kernel", "more than half of kernel_size"),
    ("output padding must be smaller", "output_padding"),
    ("`output_padding` must be strictly less", "output_padding"),
    ("requested an output size", "output_size"),
    ("non-positive stride", "stride must be"),
    ("dilation should be greater", "dilation must be"),
    ("Expected 3D (unbatched) or 4D", "needs channels and 2 spatial axes"),
    ("expected 4D input (got", "needs channels and 2 spatial axes"),
    ("Kernel shape must have the same length", "needs channels and 1 spatial axis"),
    ("divisible by the square of upscale_factor", "upscale_factor"),
    ("divisible by downscale_factor", "downscale_factor"),
    ("mat1 and mat2", "features of the input"),
    ("Halving dimension must be even", "halved"),
    ("Given output_size", "windows in output_size"),
    ("proj_size has to be smaller", "proj_size"),
    ("must match the size of tensor b", "differ along"),
    ("Sizes of tensors must match except", "but are joined along"),
    ("Dimension out of range", "out of range"),
    ("is invalid for input of size", "must divide elements"),
    ("Received: causal", "causal"),
    ("Values in `cropping`", "cropping"),
    ("total size of the tensor", "must equal elements"),
    ("Number of groups", "num_groups"),
    ("Expected a strictly positive value", "at least 1"),
)
"""Words of the framework's error, and of ours for the same reason."""


class Trial(NamedTuple):
    """A case as a specification: the layers in sequence, the inputs, and the batch axis of the framework's outputs.

    `batch_axes` has one for each output, the last also for those after it; None where there is none.
    """

    layers: list[tuple[str, dict[str, Any]]]
    inputs: list[tuple[int, ...]]
    batch: int = 1
    channels_last: bool = False
    batch_axes: tuple[int | None, ...] = (0,)


def _pad_first(kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    rest = dict(kwargs)
    flat, mode = rest.pop("pad_lrtbfb_last_dim_first"), rest.pop("pad_mode")
    pairs = [[flat[i], flat[i + 1]] for i in range(len(flat) - 2, -1, -2)]
    return {"padding": pairs, "mode": mode}, rest


def _torch(case: dict[str, Any]) -> Trial:
    op, kwargs = case["op"].partition("(")[0], dict(case["kwargs"])
    shapes = [tuple(shape) for shape in case.get("input_shapes", [case.get("input_shape")])]
    if op in ("add", "matmul", "einsum", "reshape"):  # these name every axis: none is set apart for the batch
        if op == "einsum":
            kwargs = {"equation": kwargs["eq"]}
        return Trial([(op, kwargs)], shapes, batch_axes=(None,))
    if op == "transpose":
        kwargs = dict(zip(("dim0", "dim1"), kwargs["dims"], strict=True))
    if op == "MultiheadAttention":
        length, batch, features = shapes[0]
        return Trial([(op, {**kwargs, "need_weights": True})], [(length, features)], batch, batch_axes=(1, 0))
    if op in ("RNN", "LSTM", "GRU"):  # their states have the batch on axis 1 in any case
        first = kwargs.pop("batch_first", False)
        batch, length, features = shapes[0] if first else (shapes[0][1], shapes[0][0], shapes[0][2])
        return Trial([(op, kwargs)], [(length, features)], batch, batch_axes=(0 if first else 1, 1))
    layers = [(op, kwargs)]
    if op.startswith("Pad+"):
        pad, rest = _pad_first(kwargs)
        layers = [("pad", pad), (op[4:], rest)]
    if case.get("dim") and len(shapes[0]) == case["dim"] + 1:
        return Trial(layers, shapes, batch_axes=(None,))
    return Trial(layers, [shape[1:] for shape in shapes], shapes[0][0])


def _keras(case: dict[str, Any]) -> Trial:
    op, kwargs = case["op"], dict(case["kwargs"])
    channels_last = kwargs.pop("data_format", "channels_last") == "channels_last"
    if op == "PReLU":
        kwargs["per"] = "element"
    if op in ("LSTM", "GRU"):
        kwargs["convention"] = "keras"
        kwargs.setdefault("return_sequences", False)
    batch, *sizes = case["input_shape"]
    return Trial([(op, kwargs)], [tuple(sizes)], batch, channels_last)


def _run(trial: Trial) -> tuple[tuple[Shape, ...], int, int, int]:
    """Return the outputs, parameters, buffers and MACs (of one sample) of a row of layers."""
    shapes = tuple(Shape(sizes, trial.channels_last) for sizes in trial.inputs)
    params = buffers = macs = 0
    for word, arguments in trial.layers:
        cls = find_kind(word)
        assert cls, f"no kind is called {word}"
        names = cls.argument_names()
        layer = cls(**{names.get(key, key): value for key, value in arguments.items()}).under_name(word)
        sizing = size_layer(layer, shapes)
        shapes = sizing.outputs
        params += sizing.weights + sizing.biases
        buffers += sizing.buffers
        macs += sizing.macs
    return shapes, params, buffers, macs


def _trial(case: dict[str, Any]) -> Trial:
    return _torch(case) if case["framework"] == "torch" else _keras(case)


def _due_shapes(case: dict[str, Any], batch_axes: tuple[int | None, ...]) -> list[tuple[int, ...]]:
    """Return the output shapes of a case without their batch axes."""
    due = case.get("output_shapes") or case.get("output_shape") or case["actual_output_shape"]
    shapes = due if isinstance(due[0], list) else [due]
    axes = [batch_axes[min(i, len(batch_axes) - 1)] for i in range(len(shapes))]
    return [
        tuple(shape) if axis is None else tuple(shape[:axis] + shape[axis + 1 :])
        for shape, axis in zip(shapes, axes, strict=True)
    ]


def _answered(wanted: bool) -> list[str]:
    return [key for key, case in CASES.items() if key not in NOT_APPLICABLE and ("error" not in case) == wanted]


@pytest.mark.parametrize("key", some([key for key in _answered(wanted=True) if key not in OURS], 70))
def test_agrees_with_the_framework(key: str) -> None:
    case = CASES[key]
    trial = _trial(case)
    outputs, params, buffers, macs = _run(trial)
    due = _due_shapes(case, trial.batch_axes)
    assert [shape.sizes for shape in outputs[: len(due)]] == due  # (Keras outputs its states only on request)
    if case["framework"] == "keras":
        assert params + buffers == case["params"]  # Keras counts running statistics as parameters
    else:
        assert len(outputs) == len(due)
        assert params == case.get("params", 0)
    if "macs" in case:
        assert macs * trial.batch == case["macs"]


@pytest.mark.parametrize("key", some([key for key in _answered(wanted=False) if key not in LIMITS], 30))
def test_rejects_what_the_framework_rejects(key: str) -> None:
    with pytest.raises(LayerError) as caught:
        _run(_trial(CASES[key]))
    theirs = CASES[key]["error"]
    assert any(their in theirs and our in caught.value.message for their, our in REASONS), caught.value.message


@pytest.mark.parametrize("key", LIMITS)
def test_accepts_where_only_the_framework_has_a_limit(key: str) -> None:
    assert "error" in CASES[key]
    outputs, *_ = _run(_trial(CASES[key]))
    assert all(size > 0 for shape in outputs for size in shape.sizes)


@pytest.mark.parametrize("key", OURS)
def test_deliberate_rejections(key: str) -> None:
    assert "error" not in CASES[key]
    with pytest.raises(LayerError):
        _run(_trial(CASES[key]))


def test_every_case_is_accounted_for() -> None:
    printed = Counter(
        "not applicable" if key in NOT_APPLICABLE
        else "limit" if key in LIMITS
        else "ours" if key in OURS
        else "refused" if "error" in case
        else "answered"
        for key, case in CASES.items()
    )  # fmt: skip
    assert sum(printed.values()) == 208 + 74
    assert dict(printed) == COUNTS
    assert not {*NOT_APPLICABLE} & {*LIMITS} | {*LIMITS} & {*OURS} | {*NOT_APPLICABLE} & {*OURS}
    assert {*NOT_APPLICABLE, *LIMITS, *OURS} <= {*CASES}


def test_every_operation_has_a_kind() -> None:
    for case in CASES.values():
        for word in case["op"].partition("(")[0].split("+"):
            cls = find_kind(word)
            assert cls, f"no kind is called {word}"
            assert cls.kind in KINDS


def test_composites_are_the_spec_builders() -> None:
    for key, reason in NOT_APPLICABLE.items():
        cls = find_kind(CASES[key]["op"].partition("(")[0])
        assert cls
        assert issubclass(cls, Composite) == reason.startswith("a composite")
