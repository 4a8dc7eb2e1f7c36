"""Assertions for the tests of your models: whether a module is still what its specification says.

>>> from shapecalc.testing import assert_matches
>>> def test_net():
...     assert_matches(Net(), "net.yaml")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError
from shapecalc.network import Network, from_keras, from_torch, load

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["assert_matches"]


def assert_matches(
    model: Any,
    spec: Any,
    *example_inputs: Any,
    vars: Mapping[str, Any] | None = None,  # noqa: A002  (as for `load`)
    input: Any = None,  # noqa: A002
    variant: str = "",
    allow_unused: bool = False,
    **keyword_inputs: Any,
) -> None:
    """Assert that a module of PyTorch, or a model of Keras, is the network of a specification, layer by layer.

    `spec`, `input`, `vars` and `variant` are as for `shapecalc.load`: `assert_matches(resnet50(), "resnet50")`. Example
    inputs are those of `shapecalc.from_torch`; without any, the module gets inputs of the specification's sizes.

    The layers with weights must have the same sizes of weights and outputs and the same arguments (kernels, strides,
    groups), and be connected in the same way; pools, activations and merges between them must be the same; inputs,
    outputs, and the total of the parameters must be. Attention may be one layer in one, and its projections in the
    other, with as many heads. Dropout is compared if the specification has any, and `eps` where it states one. Names,
    blocks and reshapes are not compared; a softmax or sigmoid at the end may be left to the loss of the model. A
    parameter that the model does not use is a difference, unless `allow_unused`.
    Errors: `AssertionError` with each layer that differs, its name in the module, and its line in the specification;
    as `load`, `from_torch`, `from_keras` and `Network.infer`.
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    from shapecalc.questions.matching import match
    from shapecalc.renderers.answers.matching import draw_matching

    network = load(spec, input=input, vars=vars, variant=variant)
    expected = network.infer()  # its errors come before those of the model, which is given its sizes
    found = match(_network(model, network, example_inputs, keyword_inputs).infer(), expected, allow_unused=allow_unused)
    if not found.is_same:
        raise AssertionError(draw_matching(found))


def _network(model: Any, spec: Network, examples: tuple[Any, ...], keywords: Mapping[str, Any]) -> Network:
    """Return the network of a model, with inputs of the sizes of the specification if there are no examples."""
    if isinstance(model, Network):
        return model
    if any(one.__module__.partition(".")[0] in ("keras", "tf_keras") for one in type(model).__mro__):
        if examples or keywords:
            hint = "input= sets its size, as that of the specification"
            raise UsageError(Problem("a model of Keras has no example inputs", hint=hint))
        return from_keras(model)
    if not (examples or keywords):
        examples = tuple("x".join(map(str, size.in_layout("CHW"))) for size in spec.graph.inputs.values())
    return from_torch(model, *examples, **keywords)
