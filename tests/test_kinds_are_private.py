"""No module outside `layers/` names a kind, a family or an argument: it uses the declarations of kinds.

A string with such a name is an error everywhere, except in modules where it means something else.
"""

from __future__ import annotations

import ast
from functools import cache

import pytest
from test_architecture import FILES, arrows_of_all, name_of

from shapecalc.layers import KINDS, kind_words
from shapecalc.layers.base.layer import Layer

pytestmark = pytest.mark.slow

ARGUMENTS = {word for cls in KINDS.values() for word in cls.argument_names()}
KIND_WORDS = {*kind_words(), *(cls.family for cls in KINDS.values())}

# Words that are not the name of a kind or an argument here: their meaning, and the modules.
_FUNCTION = "a function of expressions, or how numbers are combined"
_KEY = "a key of this program's own JSON, schema or objects"
_COLUMN = "a column of a report; its values are found by the arguments' roles"
_STYLE = "a style of the terminal or of SVG"
_AXIS = "the language's word for the channel axis"
OTHERWISE = {
    "linear": ("a scaling of positions in a config; a scale of pictures", {"language.rotations", "renderers.pictures"}),
    "scale": ("an option of pictures", {"editor.answers", "renderers.pictures", "renderers.pictures.volumes.scaling"}),
    "function": ("a function of expressions, which an editor completes", {"editor.completion", "editor.conversion"}),
    "step": (_KEY, {"editor.controls"}),
    "cell": ("a cell of a notebook", {"cli.notebook"}),
    "aligned": ("the name of a function", {"questions.compare", "questions.weights.prefixes"}),
    "dropout": ("an option of LoRA", {"questions.memory.training.lora"}),
    "indices": ("a part of a sparse tensor", {"checkpoints.allowed"}),
    **dict.fromkeys(("d_model", "hidden_size", "num_heads", "num_layers"), ("a field of configs", {"language.config_fields"})),
    "max_position_embeddings": ("a field of configs", {"language.config_fields", "model.graph"}),
    "offset": ("a part of a pickle", {"checkpoints.allowed"}),
    "slice": ("a part of a pickle", {"checkpoints.allowed"}),
    "strides": ("a part of a pickle, and of what torch.export states", {"checkpoints.allowed", "checkpoints.exported"}),
    "alpha": ("a Greek letter", {"renderers.plain"}),
    "attention": ("an option of memory, and its key", {"editor.answers", "questions.memory.implementation", "questions.memory.results",
                                                       "questions.memory.small_devices.device",
                                                       "questions.memory.totals"}),
    "axes": (_KEY, {"editor.controls", "questions.sizes", "renderers.answers.kinds", "renderers.answers.sizes"}),
    "axis": (_KEY, {"questions.receptive_field"}),
    "bias": ("what a name in a checkpoint ends with", {"questions.weights.prefixes", "questions.weights.exported"}),
    "beta": ("a Greek letter", {"renderers.plain"}),
    "base": ("a task of models: without a head", {"language.config_fields", "language.configs"}),
    "blocks": ("the language's word for blocks", {"editor.completion", "editor.navigation", "editor.symbols", "cli.training", "language.block_files", "language.document", "language.recognition", "language.schema",
                                                  "model.locations", "model.report",
                                                  "questions.memory.training.checkpointing"}),
    "causal": ("a word for padding", {"questions.matching.facts"}),
    "center": (_STYLE, {"renderers.pictures.raster"}),
    "channels": (_AXIS, {"language.inputs", "language.schema", "questions.explain.leaves", "questions.sweep.plan"}),
    "convention": (_KEY, {"model.report"}),
    "dim": (_STYLE + "; a field of configs", {"language.config_fields", "renderers.answers.difference", "renderers.drawing", "renderers.answers.memory", "renderers.answers.small_devices",
                                                           "renderers.text"}),
    **dict.fromkeys(("dims", "op"), ("a field of ONNX's messages", {"checkpoints.onnx"})),
    "end": (_KEY + "; the end of a subgraph, and of a text", {"editor.engine", "exporters.mermaid", "renderers.pictures.vector", "questions.sizes.periodic"}),
    "fold": ("an option of summaries", {"renderers.folding"}),
    "grid": (_KEY, {"questions.sweep.result"}),
    "in_features": ("a figure that `expect:` may state; the name of a public function",
                    {"model.expectations", "model.graph", "network"}),
    "out_features": ("a figure that `expect:` may state", {"model.expectations", "model.graph"}),
    "k": ("a prefix of units: thousands", {"text.units"}),
    "p": ("a prefix of units: peta", {"checkpoints.pickles", "text.units"}),
    "rate": (_KEY, {"questions.speed.results"}),
    "largest": ("an order of rows; which input a trace follows; a heading",
                {"questions.explain.back", "renderers.selection", "renderers.answers.serving"}),
    "loss": ("an option of memory", {"questions.memory.training.loss", "questions.memory.training.options"}),
    "max": (_FUNCTION + "; a key", {"editor.controls", "dims.notation.expressions", "dims.traces", "escaping", "language.expressions.functions",
                        "questions.sweep.conditions"}),
    "maximum": (_FUNCTION, {"dims"}),
    "min": (_FUNCTION + "; a key", {"editor.controls", "dims.notation.expressions", "dims.traces", "escaping", "language.expressions.functions",
                        "questions.sweep.conditions"}),
    "minimum": ("how numbers are combined, or a key", {"dims", "language.schema", "questions.solve.settings"}),
    "momentum": ("what an optimizer keeps", {"cli.training", "questions.memory.training.optimizers"}),
    "n": ("YAML's word for no", {"exporters.yaml", "exporters.yaml.values", "language.values", "source.words"}),
    "other": ("arguments of no sort of their own, in a table of costs; what a picture counts",
              {"questions.solve.costs", "renderers.pictures.charts.shares"}),
    "pad": (_COLUMN, {"renderers.columns", "renderers.answers.receptive_field"}),
    "padding": (_COLUMN, {"renderers.columns", "renderers.csv", "renderers.fields", "renderers.text"}),
    "parameter": ("a word of prose", {"cli.check", "renderers.answers.matching", "renderers.explanations.page", "renderers.footer",
                                      "renderers.pictures.graph"}),
    "patches": (_KEY, {"questions.memory", "questions.memory.results", "questions.memory.small_devices.changes",
                       "questions.memory.small_devices.device"}),
    "pointwise": ("the name of a module", {"exporters.pytorch"}),
    "position": ("an option of `rf`, and the key of its JSON", {"editor.engine", "cli.rf", "questions.receptive_field"}),
    "product": (_FUNCTION, {"dims.notation.tree"}),
    "shape": ("a key; an attribute that a row does not have",
                   {"checkpoints.allowed", "checkpoints.safetensors", "model.rows", "questions.weights",
                    "questions.weights.modules", "renderers.answers.weights", "source.objects"}),
    "size": (_KEY, {"language.compilation", "language.schema", "network", "questions.receptive_field",
                    "questions.sizes.scanning", "questions.weights", "questions.weights.comparison",
                    "renderers.columns", "renderers.fields", "renderers.answers.weights_comparison"}),
    "sizes": (_KEY, {"editor.controls", "checkpoints.exported", "questions.explain.back", "questions.sizes"}),
    "start": (_KEY, {"editor.engine", "questions.sizes.periodic"}),
    "stride": (_COLUMN, {"renderers.columns", "renderers.csv", "renderers.text"}),
    "sum": (_FUNCTION, {"dims.notation.expressions", "language.expressions.functions", "questions.sweep.conditions"}),
    "tensors": ("a heading", {"checkpoints.gguf", "questions.explain.lines", "questions.weights",
                              "questions.weights.modules", "renderers.answers.weights"}),
    "value": (_KEY + "; a field of ONNX's messages", {"editor.completion", "editor.controls", "editor.conversion", "editor.server", "editor.session", "checkpoints.onnx", "dims.traces", "questions.explain.back", "questions.explain.layer", "renderers.answers.kinds",
                      "source.values"}),
}  # fmt: skip


@cache
def texts_in(tree):
    """Return the strings of a module that are not docstrings, with their lines."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.value, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def arguments_read_in(tree):
    """Yield the arguments that are read from a layer by name: `layer.stride`, `node.layer.stride`."""
    for node in ast.walk(tree):
        owner = node.value if isinstance(node, ast.Attribute) else None
        name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        if name == "layer" and node.attr in ARGUMENTS and not hasattr(Layer, node.attr):
            yield node.attr, node.lineno


@cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def parsed():
    """Yield each module outside `layers/`, without the package's name, and its tree."""
    for path in FILES:
        name = name_of(path).partition(".")[2]
        if name.partition(".")[0] != "layers":
            yield name, parse(path)


_TABLES = ("importers.", "exporters.", "language.repetition")
"""Operations of other formats are said in kinds and their arguments: that is what importers and exporters are; and a
table of words that people guess for a number of copies has some that are arguments too."""


def test_no_module_outside_layers_names_a_kind_or_an_argument():
    known = KIND_WORDS | ARGUMENTS
    found = [
        f"{module}:{line}: {text!r}"
        for module, tree in parsed()
        for text, line in texts_in(tree)
        if text in known and module not in OTHERWISE.get(text, ("", ()))[1] and not module.startswith(_TABLES)
    ]
    assert found == []


def test_no_argument_is_read_from_a_layer_by_name():
    assert [
        f"{module}:{line}: layer.{name}" for module, tree in parsed() for name, line in arguments_read_in(tree)
    ] == []


def test_no_kind_is_imported_by_name():
    users = {name for name, others in arrows_of_all().items() if any(".layers.kinds" in other for other in others)}
    assert {name for name in users if not name.startswith("shapecalc.layers.kinds.")} == set()


def test_the_base_of_layers_names_no_kind():
    """It declares what arguments kinds with a window have, and names those."""
    known = KIND_WORDS - ARGUMENTS
    base = [path for path in FILES if ".layers.base." in name_of(path)]
    found = [(path.name, text) for path in base for text, _ in texts_in(parse(path)) if text in known]
    schema = {("arguments.py", word) for word in ("minimum", "maximum")}
    assert set(found) == {*schema, ("sequence_hints.py", "to_tokens")}, "keys of JSON Schema, and what a hint inserts"


def test_those_tests_can_fail():
    tree = ast.parse("'''conv'''\nif node.kind == 'conv' and node.layer.stride == 1 and row.stride:\n    pass")
    assert list(texts_in(tree)) == [("conv", 2)]
    assert list(arguments_read_in(tree)) == [("stride", 2)]
    assert {"conv", "conv2d", "pool"} <= KIND_WORDS
    assert {"kernel_size", "filters"} <= ARGUMENTS


def test_each_exempted_word_is_still_needed():
    found = {(text, module) for module, tree in parsed() for text, _ in texts_in(tree)}
    stale = [(word, module) for word, (_, modules) in OTHERWISE.items() for module in modules]
    assert [each for each in stale if each not in found] == []
    assert set(OTHERWISE) <= KIND_WORDS | ARGUMENTS
