"""Words, numbers and expressions where the specification language has values."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

import shapecalc
from shapecalc.errors import SpecError
from shapecalc.language.schema import specification_schema


def features(text: str) -> int:
    return shapecalc.load(text).infer()["fc1"].params


@pytest.mark.parametrize("name", ["n", "y", "N", "on", "yes"])
def test_a_variable_overrides_yaml_booleans(name: str) -> None:
    assert features(f"input: 4\nvars: {{{name}: 3}}\nlayers:\n  - fc: {{out_features: {name}, bias: false}}\n") == 12
    assert (
        features(f"input: 4\nvars: {{{name}: 3}}\nlayers:\n  - fc: {{out_features: {name} * 2, bias: false}}\n") == 24
    )
    assert features(f"input: {name}\nvars: {{{name}: 3}}\nlayers:\n  - fc: 2\n") == 8
    assert features(f"input: 4\nvars: {{{name}: 3, other: {name}}}\nlayers:\n  - fc: other\n") == 15
    assert features(f"input: 4\nvars: {{{name}: true}}\nlayers:\n  - fc: {{out_features: 3, bias: {name}}}\n") == 15
    text = f"input: 4\nvars: {{{name}: true}}\nlayers:\n  - fc: 3\n    when: {name}\n  - relu\n"
    assert shapecalc.load(text, vars={name: False}).infer().total.params == 0
    block = f"blocks:\n  b: {{args: {{w: required}}, layers: [fc: w]}}\ninput: 4\nvars: {{{name}: 3}}\nlayers:\n  - b: {name}\n"
    assert shapecalc.load(block).infer().total.params == 15


@pytest.mark.parametrize("word", ["yes", "On", "y", "no", "OFF", "n"])
def test_yaml_booleans_are_accepted_for_flags(word: str) -> None:
    assert features(f"input: 4\nlayers:\n  - fc: {{out_features: 3, bias: {word}}}\n") == (
        12 if word[0] in "nN" or word == "OFF" else 15
    )


def test_python_strings_are_variables_and_expressions() -> None:
    spec: dict[str, Any] = {
        "input": "width",
        "vars": {"width": 4, "n": 3, "wide": "width * n", "depths": ["n", 2], "say": True},
        "blocks": {
            "b": {
                "args": {"size": "required", "bias": "say"},
                "layers": [{"fc": {"out_features": "size", "bias": "bias"}}],
            }
        },
        "layers": [{"fc": "n"}, {"fc": "wide // 2"}, {"fc": "depths[0]"}, {"b": "n"}, {"relu": None, "when": "n > 3"}],
    }
    report = shapecalc.load(spec).infer()
    assert [row.output_shapes[0] for row in report.rows] == [(3,), (6,), (3,), (3,)]
    assert len(shapecalc.load(spec, vars={"n": 4}).infer().rows) == 5


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"fc": "64"}, "'64' is text, not a number"),
        ({"fc": "many"}, "`many` is not a variable"),
        ({"fc": {"out_features": 3, "bias": "no"}}, "`no` is not a variable"),
    ],
)
def test_other_python_strings(layer: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load({"input": 4, "layers": [layer]})
    assert words in str(caught.value)


def test_quoted_yaml_words_are_strings() -> None:
    text = "input: 8x4x4\nvars: {same: 1}\nlayers:\n  - conv: {out_channels: 8, kernel_size: 3, padding: 'same'}\n"
    (warning,) = shapecalc.load("input: 8\nvars: {same: 1}\nlayers: [relu]\n").warnings
    assert warning.message == "the variable same is never used"
    assert shapecalc.load(text).infer()["conv1"].output_shapes[0] == (8, 4, 4)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[3, 0]", "kernel_size must be a whole number of at least 1, not 0"),
        ("[3, wide]", "`wide` is not a variable"),
        ("[3, width / 2]", "not 3.5"),
        ("[3, -width]", "not -7"),
    ],
)
def test_only_the_wrong_number_of_a_list_is_marked(value: str, words: str) -> None:
    text = f"input: 3x8x8\nvars: {{width: 7}}\nlayers:\n  - conv: {{out_channels: 8, kernel_size: {value}}}\n  - fc: width\n"
    with pytest.raises(SpecError) as caught:
        shapecalc.load(text)
    (problem,) = caught.value.problems
    assert words in problem.message
    assert problem.mark
    assert (problem.mark.line, problem.mark.column) == (4, text.splitlines()[3].index(value) + 5)


def test_layers_without_a_name_are_called_by_their_kind_and_a_number() -> None:
    """As docs/language.md says."""
    text = """\
input: 3x8x8
blocks: {pair: {layers: [Conv2d: {out_channels: 3, kernel_size: 1}, relu]}}
layers:
- {Conv2d: {out_channels: 3, kernel_size: 1}, name: conv2}
- conv: {out_channels: 3, kernel_size: 1}
- {conv: {out_channels: 3, kernel_size: 1}, name: own}
- Conv2d: {out_channels: 3, kernel_size: 1}
- pair
- pair
- Dense: 4
"""
    names = [row.name for row in shapecalc.load(text).infer()]
    assert " ".join(names) == "conv2 conv1 own conv3 pair1.conv1 pair1.relu1 pair2.conv1 pair2.relu1 linear1"


@pytest.mark.parametrize(
    ("item", "output"),
    [
        ("upsample: 2", (3, 16, 16)), ("Upsample: 2", (3, 16, 16)), ("UpsamplingNearest2d: 2", (3, 16, 16)),
        ("interpolate: 2", (3, 2, 2)), ("Resize: 64", (3, 64, 64)), ("resize: [5, 6]", (3, 5, 6)),
        ("interpolate: {scale_factor: 2}", (3, 16, 16)),
    ],
)  # fmt: skip
def test_a_number_alone_is_what_the_name_expects_first(item: str, output: tuple[int, ...]) -> None:
    """F.interpolate and torchvision's Resize expect a size; `upsample` a factor, as Keras' UpSampling."""
    text = f"input: 3x8x8\nlayers:\n- {item}\n"
    assert shapecalc.load(text).infer().outputs == {"upsample1": output}
    assert jsonschema.Draft202012Validator(specification_schema()).is_valid(yaml.safe_load(text))
