"""Hints of errors in a specification, followed to the letter: each leads to the network that was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import shapecalc
from shapecalc.errors import ShapecalcError, SpecError

if TYPE_CHECKING:
    from pathlib import Path

MAP = "input: 4x8x8\nlayers:\n- conv: {out_channels: 4, kernel_size: 3, padding: 1}\n  name: a\n- relu\n  name: b\n"
TOKENS = "input: 16x512\nlayers:\n"
BLOCK = (
    "input: 4x8x8\nblocks:\n  down:\n    args: {planes: required, stride: required, bias: true}\n    layers:\n"
    "    - conv: {out_channels: planes, kernel_size: 3, stride: stride, padding: 1, bias: bias}\nlayers:\n"
)
HALF = BLOCK.replace("stride: required", "stride: 1")
GRID = "input: 300\nlayers:\n"
STEPS = "input: 50x300\nlayers:\n"
KEYS = "; layer-level keys are name, from, repeat, for, when, share, frozen, uncounted"

# What is written, the wrong part, the hint, what it says to write, and the outputs and parameters in PyTorch.
FOLLOWED = [
    (MAP + "- {}\n", "conv {out_channels: 8, kernel_size: 3}", "write `- {}`", "conv: {out_channels: 8, kernel_size: 3}",
     (8, 6, 6), 444),
    (MAP + "- {}\n", "'conv {out_channels: 8, kernel_size: 3}'", "a `:` is missing: write `- {}`",
     "conv: {out_channels: 8, kernel_size: 3}", (8, 6, 6), 444),
    (MAP + "- conv: {out_channels: 8, kernel_size: 1}\n  frozen: {}\n", "1", "write frozen: {}", "true", (8, 8, 8), 188),
    ("vars: {deep: 3}\n" + MAP + "- max_pool: 2\n  when: {}\n", "deep", "write when: {}", "deep > 0", (4, 4, 4), 148),
    ("vars: {mode: a}\n" + MAP + "- max_pool: 2\n  when: {}\n", "mode", "write when: mode == …", "mode == 'a'", (4, 4, 4), 148),
    (MAP + "- conv: {}\n", "{out_channels: 8, kernel_size: 1, name: c}", "name is a layer-level key: write `name: c` beside "
     "conv, on a line of its own, not among its arguments", "{out_channels: 8, kernel_size: 1}\n  name: c", (8, 8, 8), 188),
    (MAP + "- {}\n", "max_pool 2", "a `:` is missing: write `- {}`", "max_pool: 2", (4, 4, 4), 148),
    (BLOCK + "- {}\n", "down {planes: 8, stride: 2}", "write `- {}`", "down: {planes: 8, stride: 2}", (8, 4, 4), 296),
    (MAP + "- {}\n", "cat: [[a, b], 1]", "write `{}`", "cat: {branches: [a, b], dim: 1}", (8, 8, 8), 148),
    (MAP + "- {}\n", "cat: [[a, b], dim=2]", "write `{}`", "cat: {branches: [a, b], dim: 2}", (4, 16, 8), 148),
    (MAP + "- {}\n", "cat: [[a, b]]", "write `{}`", "cat: [a, b]", (8, 8, 8), 148),
    (MAP + "- {}\n", "torch.cat: [[a, x], -1]", "write `- {}`", "cat: {branches: [a, []], dim: -1}", (4, 8, 16), 148),
    (MAP + "- {}\n", "torch.stack: [[a, b], dim=1]", "write `- {}`", "stack: {branches: [a, b], dim: 1}", (2, 4, 8, 8), 148),
    (BLOCK + "- {}\n", "down: [8, 2]", "write `{}`", "down: {planes: 8, stride: 2}", (8, 4, 4), 296),
    (BLOCK + "- {}\n", "down: [8, 2, false]", "write `{}`", "down: {planes: 8, stride: 2, bias: false}", (8, 4, 4), 288),
    (HALF + "- {}\n", "down: [8, 2]", "write `{}`", "down: {planes: 8, stride: 2}", (8, 4, 4), 296),
    (HALF + "- {}\n", "down: [8]", "write `{}`", "down: {planes: 8}", (8, 8, 8), 296),
    (MAP + "- add: {}\n", "a, b", "write a list: {}", "[a, b]", (4, 8, 8), 148),
    (MAP + "- add: {}\n", "a + b", "write a list: {}", "[a, b]", (4, 8, 8), 148),
    (MAP + "- mul: {}\n", "a * b", "write a list: {}", "[a, b]", (4, 8, 8), 148),
    (MAP + "- add\n  from: {}\n", "a, b, input", "write a list: {}", "[a, b, input]", (4, 8, 8), 148),
    (MAP + "- chunk: 2\n  name: c\n- cat: {}\n", "a, c[1]", "write a list: {}", '[a, "c[1]"]', (6, 8, 8), 148),
    (TOKENS + "- {}\n", "MultiheadAttention: [512, 8]", "write `{}`", "MultiheadAttention: {embed_dim: 512, num_heads: 8}",
     (16, 512), 1_050_624),
    (GRID + "- {}\n", "Unflatten: [1, [3, 10, 10]]", "write `{}`", "Unflatten: {dim: 1, unflattened_size: [3, 10, 10]}",
     (3, 10, 10), 0),
    (MAP + "- {}\n", "Upsample: [2, nearest]", "write `{}`", "Upsample: {scale_factor: 2, mode: nearest}", (4, 16, 16), 148),
    (MAP + "- {}\n", "Upsample: [null, 2, 'bilinear']", "write `{}`",
     "Upsample: {size: null, scale_factor: 2, mode: 'bilinear'}", (4, 16, 16), 148),
    (MAP + "- {}\n", "interpolate: [5, bilinear]", "write `{}`", "interpolate: {size: 5, mode: bilinear}", (4, 5, 5), 148),
    (TOKENS + "- TransformerEncoderLayer: {d_model: 512, nhead: 8, {}: 1024}\n", "dim_ff", "did you mean {}?",
     "dim_feedforward", (16, 512), 2_102_784),
    (HALF + "- down: 4\n- add: [[], {}]\n", "down1.conv", "did you mean {}?", "down1.conv1", (4, 8, 8), 148),
    (TOKENS + "- LSTM: 64\n  name: rnn\n- linear: 10\n  from: {}\n", "rnn.h",
     "did you mean rnn? If it has several outputs, they have numbers: {} is the second", "rnn[1]", (1, 10), 148_618),
    (MAP + "- conv: {out_channels: 8, kernel_size: 3}\n{}\n", " name: c", "a key beside conv is indented by 2, not 1", "  name: c",
     (8, 6, 6), 444),
    (MAP + "- conv: {out_channels: 8, kernel_size: 3}{}\n", ", relu", "write it on a line of its own: `- relu`", "\n- relu",
     (8, 6, 6), 444),
    (GRID + "- {}\n", "Unflatten: [3, 10, 10]", "write `{}`", "Unflatten: {dim: -1, unflattened_size: [3, 10, 10]}",
     (3, 10, 10), 0),
    (MAP + "{}\n", "- pointwise: exp", "exp is a kind of its own: write `{}`", "- exp", (4, 8, 8), 148),
    (HALF + "- down: {planes: 8{}\n", ", repeat: 2}", "repeat is a layer-level key: write `repeat: 2` beside "
     "down, on a line of its own, not among its arguments",
     "}\n  repeat: 2", (8, 8, 8), 296 + 8 * 8 * 9 + 8),
    (MAP + "{}", "- x.unsqueeze(0)", "leave the layer out: sizes are without the batch axis", "", (4, 8, 8), 148),
    (MAP + "{}", "- torch.squeeze(x, dim=0)", "leave the layer out: sizes are without the batch axis", "", (4, 8, 8), 148),
    # torch.nn.Conv2d(4, 8, 3, padding=1) and LSTM(300, 64); the layer `padding` would come after a convolution without.
    (MAP + "- {}\n", "conv:\n  out_channels: 8\n  kernel_size: 3\n  padding: 1",
     "indent the arguments of conv deeper than conv itself" + KEYS, "conv:\n    out_channels: 8\n    kernel_size: 3\n    padding: 1",
     (8, 8, 8), 444),
    (MAP + "- {}\n", "conv: {out_channels: 8, kernel_size: 3}\n  padding: 1\n  activation: relu", "write `{}`" + KEYS,
     "conv: {out_channels: 8, kernel_size: 3, padding: 1}", (8, 8, 8), 444),
    (STEPS + "- {}\n", "lstm: 64\n  dropout: 0.5",
     "write `{}`; for a layer of that kind, write `- dropout: 0.5` as an item of its own", "lstm: {hidden_size: 64, dropout: 0.5}", (50, 64), 93_696),
    (BLOCK.replace("stride: required", "padding: 1").replace("stride: stride, padding: 1", "padding: padding") + "- {}\n",
     "down: 8\n  padding: 0", "write `{}`" + KEYS, "down: {planes: 8, padding: 0}", (8, 6, 6), 296),
    (STEPS + "- {}\n", "linear: 10\n  dropout: 0.5\n  relu:", "make each an item of its own: `- {}`", "dropout: 0.5",
     (50, 300), 0),
    # of a mapping it is a layer: the argument of a convolution is a number
    (MAP + "- {}\n", "conv: {out_channels: 8, kernel_size: 3}\n  padding: {padding: 1}",
     "make each an item of its own: `- padding: {padding: 1}`", "conv: {out_channels: 8, kernel_size: 3}\n- padding: {padding: 1}",
     (8, 8, 8), 444),
    # PyTorch's tuples: torch.nn.AdaptiveAvgPool2d((1, 1)), x.view(16, 16), nn.MaxPool2d(3, 2), nn.Upsample((14, 14))
    (MAP + "- {}\n", "AdaptiveAvgPool2d: (1, 1)", "write `{}`", "AdaptiveAvgPool2d: [1, 1]", (4, 1, 1), 148),
    (MAP + "- {}\n", "view: (16, 16)", "write `{}`", "view: [16, 16]", (16, 16), 148),
    (MAP + "- {}\n", "Permute: (2, 3, 1)", "write `{}`", "Permute: [2, 3, 1]", (8, 8, 4), 148),
    (MAP + "- {}\n", "MaxPool2d: (2, 2)", "write `{}`", "MaxPool2d: [2, 2]", (4, 4, 4), 148),
    (MAP + "- {}\n", "MaxPool2d: (3, 2)", "write `{}`", "MaxPool2d: {kernel_size: 3, stride: 2}", (4, 3, 3), 148),
    (MAP + "- {}\n", "interpolate: (5, 5)", "write `{}`", "interpolate: [5, 5]", (4, 5, 5), 148),
    (MAP + "- {}\n", "Upsample: (14, 14)", "write `{}`, or `Upsample: {scale_factor: [14, 14]}`",
     "Upsample: {size: [14, 14]}", (4, 14, 14), 148),
    (MAP + "- {}\n", "Reshape: (None, 256)", "sizes are given without the batch axis: write `{}`", "Reshape: [256]",
     (256,), 148),
    # a residual branch that is written as branches, and one without its other branch
    (MAP + "- add: {}\n", "[{conv: {out_channels: 4, kernel_size: 1}}, relu, a]",
     "layers in sequence are one branch: write the list as `{}`; otherwise a branch of one layer is a list: write `[relu]`",
     "[[{conv: {out_channels: 4, kernel_size: 1}}, relu], a]", (4, 8, 8), 168),
    (MAP + "- add: {}\n", "[{conv: {out_channels: 4, kernel_size: 1}}, relu]",
     "layers in sequence are one branch: write the list as `{}`; otherwise a branch of one layer is a list: write `[relu]`",
     "[[{conv: {out_channels: 4, kernel_size: 1}}, relu], []]", (4, 8, 8), 168),
    ("input: 3x8x8\nblocks: {enc: [{conv: {out_channels: 3, kernel_size: 1}, name: c}, relu]}\nlayers:\n- enc\n- add: {}\n",
     "[c, enc1]", "did you mean enc1.c?", "[enc1.c, enc1]", (3, 8, 8), 12),
    ("input: 3x8x8\nlayers:\n- conv: {out_channels: 3, kernel_size: 1}\n  name: conv1\n- add: {}\n", "[conv_1, input]",
     "did you mean conv1?", "[conv1, input]", (3, 8, 8), 12),
    # arguments that a block uses and does not declare
    ("input: 3x8x8\nblocks:\n  cbr: {}\nlayers:\n- cbr: {out: 16, k: 3}\n", "[{conv: {out_channels: out, kernel_size: k}}]",
     "declare it: write the block as `cbr: {args: {out: required, k: required}, layers: […]}`",
     "{args: {out: required, k: required}, layers: [{conv: {out_channels: out, kernel_size: k}}]}", (16, 6, 6), 448),
    (HALF.replace("bias: true", "bias: true{}").replace("bias: bias", "bias: bias, groups: g") + "- down: {planes: 8, g: 2}\n",
     "", "declare it under the `args:` of down: `g: required`", ", g: required", (8, 8, 8), 152),
    ("input: 3x8x8\nblocks:\n  cbr: {}\nlayers:\n- cbr\n", "[{conv: {out_channels: out, kernel_size: 3}}]",
     "variables are given under `vars:`, arguments of cbr under its `args:`, as `out: required`",
     "{args: {out: 16}, layers: [{conv: {out_channels: out, kernel_size: 3}}]}", (16, 6, 6), 448),
    # arguments as in PyTorch's and Keras' calls, in a list; a list of one value; the kernel left out; ends of both axes
    (MAP + "- {}\n", "conv: [4, 8, 3]", "write `{}`", "conv: {in_channels: 4, out_channels: 8, kernel_size: 3}", (8, 6, 6), 444),
    (MAP + "- {}\n", "conv: [4, 3, 2]",
     "write `conv: {in_channels: 4, out_channels: 3, kernel_size: 2}`, or `{}`", "conv: {out_channels: 4, kernel_size: 3, stride: 2}",
     (4, 3, 3), 296),
    (MAP + "- {}\n", "BatchNorm2d: [4]", "write `{}`", "BatchNorm2d: 4", (4, 8, 8), 156),
    (MAP + "- {}\n", "Dropout: [0.5]", "write `{}`", "Dropout: 0.5", (4, 8, 8), 148),
    (MAP + "- {}\n", "conv: 8", "write for instance `{}`", "conv: {out_channels: 8, kernel_size: 3}", (8, 6, 6), 444),
    (MAP + "- {}\n", "conv: [8]", "write for instance `{}`", "conv: {out_channels: 8, kernel_size: 3}", (8, 6, 6), 444),
    (MAP + "- conv: {out_channels: 8, kernel_size: 3, {}}\n", "padding: [1, 1, 1, 1]",
     "it is the same at both ends of each axis: write {}", "padding: 1", (8, 8, 8), 444),
    # torch.nn.functional.pad(x, (2, 0, 1, 1)) pads the width by 2 and 0, the height by 1 and 1; ONNX' pads [1, 2, 1, 0] too
    (MAP + "- conv: {out_channels: 8, kernel_size: 3, {}}\n", "padding: [2, 0, 1, 1]",
     "write it as pairs, the first axis first: {} if PyTorch has it so, [[2, 1], [0, 1]] if ONNX has", "padding: [[1, 1], [2, 0]]",
     (8, 8, 8), 444),
    (MAP + "- conv: {out_channels: 8, kernel_size: 3, {}}\n", "stride: [1, 2, 2, 1]",
     "write {}, without the axes of the batch and the channels", "stride: [2, 2]", (8, 3, 3), 444),
    # inputs without names; a tuple in braces, which is no argument that was left out
    ("inputs: {}\nlayers:\n- concat: [input, input2]\n", "[3x8x8, 4x8x8]", "write `inputs: {}`, with names of your own",
     "{input: 3x8x8, input2: 4x8x8}", (7, 8, 8), 0),
    ("{}\nlayers:\n- relu\n", "inputs: [3, 8, 8]", "write `{}` for one input", "input: [3, 8, 8]", (3, 8, 8), 0),
    (MAP + "- Upsample: {size: {}}\n", "(14, 14)", "write a list: {}", "[14, 14]", (4, 14, 14), 148),
    # h_n[-1] of torch.nn.LSTM(300, 64), whose axes here are the layers and the features
    (STEPS + "- LSTM: 64\n  name: rnn\n- {}\n- linear: 10\n", "relu\n  from: rnn[1][-1]", "write `- {}`, then `- squeeze: 1`",
     '{slice: {dim: 1, start: -1}, from: "rnn[1]"}\n- squeeze: 1', (10,), 93_696 + 650),
    # keras.layers.Dot(axes=1) of two vectors, and the product of matrices
    ("inputs: {a: 5x8, b: 8x6}\nlayers:\n- {}\n", "dot: [a, b]",
     "write `- {}`, or of vectors `- mul: [a, b]`, then `- sum: {dim: 1, keepdim: true}`", "matmul: [a, b]", (5, 6), 0),
    ("inputs: {a: 8, b: 8}\nlayers:\n- {}\n", "Dot: [a, b]",
     "write `- matmul: [a, b]`, or of vectors `- {}`, then `- sum: {dim: 1, keepdim: true}`",
     "mul: [a, b]\n- sum: {dim: 1, keepdim: true}", (1,), 0),
    ("input: 784\nlayers:\n- fc: 100\n  name: fc1\nexpect: {}\n", "{fc1: {params: 78500}}",
     "the figures of a layer are under `layer:`: write `layer: {}`", "{layer: {fc1: {params: 78500}}}", (100,), 78_500),
    (MAP + "- conv: {out_channels: 4, kernel_size: 3, {}}\n", "padding: True", "write {}, which keeps the size", "padding: same",
     (4, 8, 8), 296),
    (MAP + "- conv: {out_channels: 4, kernel_size: 3, {}}\n", "padding: false", "write {}", "padding: 0", (4, 6, 6), 296),
    (STEPS + "- {}\n", "linear: 10 classes", "write 10; a comment is after ` #`: 10  # classes", "linear: 10  # classes",
     (50, 10), 3010),
    ("vars: {{}: 64}\ninput: 32\nlayers:\n- linear: 64\n", "hidden-dim", "write {}, here and where it is used", "hidden_dim",
     (64,), 64 * 33),
    # torch.nn.Conv3d(3, 8, 3, padding=1) of a clip whose frames come first: no batch of images, which it could not have
    ("input: 16x3x112x112\nlayers:\n- {}\n- Conv3d: {in_channels: 3, out_channels: 8, kernel_size: 3, padding: 1}\n",
     "relu", "axis 2 of its input is 3: write `- {}` before it", "permute: [2, 1, 3, 4]", (8, 16, 112, 112), 656),
    # torch.add(x, 1); torch.div without its other operand; a layer in place of the first one of a branch
    (MAP + "- {}\n", "torch.add(x, 1)", "write `- {}`", "add: {other: 1}", (4, 8, 8), 148),
    (MAP + "- {}\n", "div", "name them all: from: [a, b]", "{div: , from: [a, b]}", (4, 8, 8), 148),
    (MAP + "- {}\n", "sub", "name both: `- {}`; for a number minus its input, write `- sub: {other: 1}`",
     "sub: [a, b]", (4, 8, 8), 148),
    (MAP + "- {}\n", "concat: [[a, relu], b]", "a is a layer or an input: write `from: a` beside the layer whose input it is",
     "concat: [[{relu: , from: a}], b]", (8, 8, 8), 148),
]  # fmt: skip


def _as_in_the_hint(right: str, hint: str) -> str:
    """Return what a hint says to write, of several items the first: the others are its words, or what is around it."""
    inner = right.removeprefix("{layer: ").removesuffix("}") if "`layer: " in hint else right
    return inner.partition("\n- ")[0] if "`, then `- " in hint else inner


@pytest.mark.parametrize(("spec", "wrong", "hint", "right", "output", "params"), FOLLOWED)
def test_a_followed_hint_gives_the_network_that_was_meant(
    spec: str, wrong: str, hint: str, right: str, output: tuple[int, ...], params: int
) -> None:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(spec.replace("{}", wrong)).infer()
    (problem,) = caught.value.problems
    assert problem.hint == hint.replace("{}", _as_in_the_hint(right, hint))
    report = shapecalc.load(spec.replace("{}", right)).infer()
    assert ([*report.outputs.values()], report.total.params) == ([output], params)


@pytest.mark.parametrize("merge", ["[[left], [right]]", "{branches: [[left], [right]], dim: 1}"])
def test_named_lists_of_layers_become_blocks_that_are_branches(merge: str) -> None:
    """Of torch.cat([self.left(x), self.right(x)], 1), with Conv2d(4, 2, 1) and Conv2d(4, 3, 1) in Sequentials."""
    lists = {
        "left": "[{conv: {out_channels: 2, kernel_size: 1}}]",
        "right": "[{conv: {out_channels: 3, kernel_size: 1}}]",
    }
    with pytest.raises(SpecError) as caught:
        shapecalc.load("input: 4x8x8\nlayers:\n" + "".join(f"- {name}: {layers}\n" for name, layers in lists.items()))
    for name, problem in zip(lists, caught.value.problems, strict=True):
        assert f"as a branch, move {name} to `blocks:`, and write `[{name}]` in the list of a" in problem.hint
    blocks = "".join(f"  {name}: {layers}\n" for name, layers in lists.items())
    report = shapecalc.load(f"input: 4x8x8\nblocks:\n{blocks}layers:\n- cat: {merge}\n").infer()
    assert ([*report.outputs.values()], report.total.params) == ([(5, 8, 8)], 25)


@pytest.mark.parametrize(
    ("layers", "output"),
    [
        ("- cat: [[left, right]]\n", (4, 8, 8)),  # two blocks in sequence are one branch
        ("- cat: [[left, relu], input]\n", (8, 8, 8)),
        ("- {relu: {}, name: left}\n- {relu: {}, name: right}\n- cat: [[left, right], left]\n", (8, 8, 8)),
        ("- {relu: {}, name: left}\n- {relu: {}, name: right}\n- cat: [[left, right]]\n", (4, 8, 8)),
    ],
)
def test_a_branch_of_blocks_is_no_call(layers: str, output: tuple[int, ...]) -> None:
    text = f"input: 4x8x8\nblocks: {{left: [relu], right: [tanh]}}\nlayers:\n{layers}"
    assert [*shapecalc.load(text).infer().outputs.values()] == [output]


def test_a_list_that_a_block_expects_is_no_list_of_arguments() -> None:
    """The mistake is another one, which arguments by name do not fix."""
    text = (
        "input: 4x8x8\nblocks:\n  stage:\n    args: {widths: required, n: 1}\n    layers:\n"
        "    - conv: {out_channels: w, kernel_size: 1}\n      for: {w: widths}\n    - relo\nlayers:\n- stage: [8, 16]\n"
    )
    with pytest.raises(SpecError) as caught:
        shapecalc.load(text)
    assert [problem.hint for problem in caught.value.problems] == ["did you mean relu?"]
    shapecalc.load(text.replace("relo", "relu")).infer()


@pytest.mark.parametrize("text", ["a + b", "a*b", "a, 2", "a,"])
def test_a_text_that_is_no_list_of_names_has_no_hint_for_one(text: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f'{MAP}- cat: ["{text}", b]\n')
    assert not caught.value.problems[0].hint.startswith("write a list")
    names = f'{MAP}- relu\n  name: "{text}"\n- add: "{text}"\n'  # a layer may have such a name
    shapecalc.load(names).infer()


def test_an_expected_memory_that_is_a_limit() -> None:
    """Amounts with units are seldom met to the byte; more than expected is no limit that was met."""
    for written, hint in (("1 MB", 'for a limit, write "<= 1 MB"'), ("1000000", ""), ("1 KB", ""), ('"<= 1 MB"', None)):
        network = shapecalc.load(f"{MAP}expect: {{memory: {written}}}\n")
        problems = network.unmet(network.infer())
        assert [problem.hint for problem in problems] == ([] if hint is None else [hint])


def test_a_fix_that_is_not_found_has_the_hints() -> None:
    text = f"{MAP}- conv: {{out_channels: 8, kernel_size: 50}}\n- permute: [1, 2]\n- linear: {{in_features: 7, out_features: 3}}\n"
    answer = shapecalc.solve(text, fix=True)
    assert not answer.fixes
    assert f"conv1: {answer.problems[0].hint}".split(";")[0] in " ".join(str(answer).split())
