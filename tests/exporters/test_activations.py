"""`activation: {function: X}` is written as the layer X is, with its usual arguments."""

import pytest

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.layers import find_kind

SPEC = "input: 3x8x8\nlayers:\n  - {{name: a, {}}}\n"
FUNCTIONS = find_kind("activation").arguments["function"].words
BY_TANH = "gelu: {approximate: tanh}"
ALONE = {"linear": "identity", "softmax1d": "softmax", "softmax2d": "softmax", **dict.fromkeys(
    ("gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate"), BY_TANH)}  # fmt: skip
"""Names that are a layer of another kind, or with other arguments than the usual ones."""


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("to", ["pytorch", "keras"])
def test_an_activation_by_name_is_written_as_its_layer(function, to):
    alone = ALONE.get(function, function)
    try:
        expected = shapecalc.load(SPEC.format(alone if ":" in alone else f"{alone}: {{}}")).convert(to)
    except UsageError:
        assert (function, to) == ("rrelu", "keras")  # no counterpart
        with pytest.raises(UsageError, match="the function rrelu"):
            shapecalc.load(SPEC.format(f"activation: {{function: {function}}}")).convert(to)
        return
    assert shapecalc.load(SPEC.format(f"activation: {{function: {function}}}")).convert(to) == expected
