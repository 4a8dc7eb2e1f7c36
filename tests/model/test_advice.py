"""What a hint suggests works: another argument, a larger input, the other layout."""

from __future__ import annotations

import ast
import html
import json
import random
import re
import time
from typing import Any

import pytest
from cli.running import run
from searching import turns

import shapecalc
from shapecalc.errors import ShapecalcError, ShapeError
from shapecalc.model.inference import sizings_of

WINDOWED = ("conv", "max_pool", "avg_pool", "transposed_conv", "conv", "max_pool")
CHANGE = re.compile(r"(padding|kernel_size|dilation|groups|output_padding)(: | at most )(\d+|\[[\d, ]+\])")


def problems_of(layers: list[Any], size: tuple[int, ...]) -> list[Any]:
    try:
        shapecalc.load({"input": list(size), "layers": layers}).infer()
    except ShapeError as error:
        return list(error.problems)
    return []


def one(rng: random.Random, rank: int) -> Any:
    """Return a number for all axes, or a list of one for each."""
    return rng.randint(1, 9) if rng.random() < 0.7 else [rng.randint(1, 9) for _ in range(rank)]


def random_layer(rng: random.Random, rank: int) -> dict[str, dict[str, Any]]:
    kind = rng.choice(WINDOWED)
    arguments: dict[str, Any] = {"kernel_size": one(rng, rank)}
    if "conv" in kind:
        arguments |= {"out_channels": rng.choice([3, 4, 6]), "groups": rng.choice([1, 1, 1, 2, 3])}
    if kind == "conv" and rng.random() < 0.2:
        arguments["padding_mode"] = rng.choice(["reflect", "circular", "replicate"])
    if rng.random() < 0.5:
        arguments["stride"] = rng.randint(1, 3)
    if rng.random() < 0.4:
        arguments["padding"] = rng.choice([rng.randint(0, 4), [rng.randint(0, 3) for _ in range(rank)], "valid"])
    if kind != "avg_pool" and rng.random() < 0.4:
        arguments["dilation"] = rng.randint(1, 4)
    if "pool" in kind and rng.random() < 0.4:
        arguments["ceil_mode"] = True
    return {kind: arguments}


def changes_of(hint: str) -> list[tuple[str, Any]]:
    """Return every change of one argument that a hint suggests."""
    changes = []
    for name, relation, text in CHANGE.findall(hint.partition(";")[0]):
        value = ast.literal_eval(text)
        least = 0 if name == "padding" else 1
        changes += [(name, v) for v in (range(least, value + 1) if relation == " at most " else [value])]
    return changes


@turns(300, 3_000)
def test_hints_for_a_layer_fix_it(turns: int) -> None:
    rng = random.Random(0)
    tried: dict[str, int] = {}
    for _ in range(turns):
        rank = rng.choice([1, 2, 2, 3])
        layer = random_layer(rng, rank)
        ((kind, arguments),) = layer.items()
        size = (rng.choice([3, 4, 6]), *(rng.randint(1, 8) for _ in range(rank)))
        for problem in problems_of([layer], size):
            for name, value in changes_of(problem.hint):
                changed = {kind: {**arguments, name: value}}
                assert problems_of([changed], size) == [], (layer, size, problem.hint)
                tried[name] = tried.get(name, 0) + 1
    assert min(tried[name] for name in ("padding", "kernel_size", "dilation", "groups")) > turns / 30, tried


def smallest_by_search(layers: list[Any], rank: int, most: int) -> int:
    graph = shapecalc.load({"input": [6, *(1,) * rank], "layers": layers}).graph
    shape = graph.inputs["input"]
    for size in range(1, most):
        if not sizings_of(graph._replace(inputs={"input": shape._replace(sizes=(6, *(size,) * rank))}))[1]:
            return size
    return 0


def random_stack(rng: random.Random, rank: int) -> list[dict[str, dict[str, Any]]]:
    stack = []
    for _ in range(rng.randint(1, 6)):
        ((kind, arguments),) = random_layer(rng, rank).items()
        stack.append({kind: {key: value for key, value in arguments.items() if key not in ("groups", "padding_mode")}})
    return stack


@turns(10, 100)
def test_the_smallest_input_is_the_smallest(turns: int) -> None:
    rng = random.Random(1)
    printed = 0
    for _ in range(turns):
        rank = rng.choice([1, 2])
        stack = random_stack(rng, rank)
        start = rng.randint(1, 12)
        for problem in problems_of(stack, (6, *(start,) * rank)):
            found = re.search(r"the smallest input that works is (\d+)(×\d+)*$", problem.hint)
            if found:
                assert int(found[1]) == smallest_by_search(stack, rank, int(found[1]) + 2), (stack, start)
                printed += 1
            elif problem.too_small and not changes_of(problem.hint):
                assert not smallest_by_search(stack, rank, 40), (stack, start)
    assert printed > turns / 3


@turns(30, 300)
def test_a_non_square_input_grows_along_one_axis(turns: int) -> None:
    rng = random.Random(2)
    seen = 0
    for _ in range(turns):
        stack = random_stack(rng, 2)
        size = (6, rng.randint(1, 10), rng.randint(11, 40))
        problems = problems_of(stack, size)
        found = dict.fromkeys(["high", "wide"], 0)
        for problem in problems:
            _, _, printed = problem.hint.partition("the input must be at least ")
            found |= {axis: int(number) for number, axis in re.findall(r"(\d+) (high|wide)", printed)}
        least = (max(size[1], found["high"]), max(size[2], found["wide"]))
        if any(found.values()):
            seen += 1
            assert problems_of(stack, (6, *least)) == []
            for axis, name in enumerate(found):
                if found[name]:
                    shorter = [*least]
                    shorter[axis] -= 1
                    assert problems_of(stack, (6, *shorter))
    assert seen > turns / 4


def test_branches_that_merge_only_at_some_sizes() -> None:
    crossing = [
        {"conv": {"out_channels": 4, "kernel_size": 3}, "name": "enc"},
        {"max_pool": 2},
        {"conv": {"out_channels": 4, "kernel_size": 15}, "name": "deep"},
        {"upsample": 2},
        {"zero_pad": 14},
        {"concat": [[], "enc"]},
    ]
    (problem,) = problems_of(crossing, (1, 21, 21))
    assert problem.hint.endswith("; with this stack the smallest input that works is 32×32")
    crossing[1] = {"max_pool": 4}
    crossing[3] = {"upsample": 4}
    crossing[4] = {"zero_pad": 28}
    (problem,) = problems_of(crossing, (1, 21, 21))
    assert problem.hint.endswith("; with this stack the smallest input that works is 62×62")


@pytest.mark.parametrize(
    "layers",
    [
        [{"adaptive_avg_pool": 3}, {"conv": {"out_channels": 4, "kernel_size": 5}}],
        [{"conv": {"out_channels": 4, "kernel_size": 9}}, {"fc": {"out_features": 4, "in_features": 3}}],
    ],
)
def test_no_hint_if_no_input_size_fits(layers: list[Any]) -> None:
    for problem in problems_of(layers, (3, 8, 8)):
        assert "smallest" not in problem.hint


@pytest.mark.slow
def test_the_search_is_bounded() -> None:
    deep: list[Any] = [{"conv": {"out_channels": 1, "kernel_size": 3}, "repeat": 4_000}]
    begun = time.process_time()
    problems = problems_of(deep, (1, 8, 8))
    assert time.process_time() - begun < 30
    assert len(problems) == 1
    deep[0]["repeat"] = 6_000
    assert "smallest" not in problems_of(deep, (1, 8, 8))[0].hint


DOUBT = "sizes are read as channels × height × width here: write 3x224x224, or layout: HWC if the channels come last"


def test_an_image_in_the_other_layout_is_noted() -> None:
    with pytest.raises(ShapeError) as caught:
        shapecalc.load({"input": "224x224x3", "layers": [{"conv": {"out_channels": 8, "kernel_size": 7}}]}).infer()
    assert caught.value.problems[0].hint.splitlines()[0] == DOUBT
    assert "with this stack" not in caught.value.problems[0].hint
    wide: Any = {"input": "224x224x3", "layers": [{"conv": {"out_channels": 8, "kernel_size": 3}}]}
    assert shapecalc.load(wide).graph.notes == (DOUBT,)
    assert shapecalc.load({**wide, "layout": "HWC"}).graph.notes == ()
    other = shapecalc.load({**wide, "layout": "HWC", "input": "3x224x224"}).graph.notes[0]
    assert other == (
        "sizes are read as height × width × channels here: write 224x224x3, or layout: CHW if the channels come first"
    )


@pytest.mark.parametrize(
    ("size", "layout", "words"),
    [
        ("1x3x224x224", "CHW", "write 3x224x224, not 1x3x224x224, if 1 is the batch"),
        ("32x1x28x28", "CHW", "write 1x28x28, not 32x1x28x28, if 32 is the batch"),
        ("1x224x224x3", "HWC", "write 224x224x3, not 1x224x224x3, if 1 is the batch"),
        ("32x224x224x3", "HWC", ""),
        ("32x224x224x3", "CHW", "write layout: HWC and 224x224x3, not 32x224x224x3, if 32 is the batch"),
        ("32x8x8x3", "CHW", ""),
        ("32x64x64x4", "CHW", ""),
        ("3x16x112x112", "CHW", ""),
        ("1x4x64x64", "CHW", ""),
        ("1x64x64x64", "CHW", ""),
        ("1x3x8x8", "CHW", ""),
    ],
)
def test_a_batch_axis_is_noted(size: str, layout: str, words: str) -> None:
    notes = shapecalc.load({"input": size, "layout": layout, "layers": ["relu"]}).graph.notes
    assert notes == ((f"sizes are given without the batch axis: {words}",) if words else ())


def test_the_frames_of_a_clip_are_no_batch() -> None:
    """Conv3d needs the four axes, as does what permutes them."""
    layers = [{"permute": [2, 1, 3, 4]}, {"Conv3d": {"out_channels": 8, "kernel_size": 3}}]
    assert shapecalc.load({"input": "16x3x112x112", "layers": layers}).graph.notes == ()
    for above in ([], ["relu"]):
        network = shapecalc.load({"input": "16x3x112x112", "layers": [*above, *layers[1:]]})
        assert network.infer().notes == ()
    assert shapecalc.load({"input": "16x3x112x112", "layers": [{"flatten": 2}]}).graph.notes


def test_a_batch_axis_is_noted_in_errors() -> None:
    layers = [{"conv": {"out_channels": 8, "kernel_size": 3}}, {"max_pool": 2}]
    with pytest.raises(ShapeError) as caught:
        shapecalc.load({"input": "2x3x64x64", "layers": layers}).infer()
    doubt, further = caught.value.problems[0].hint.splitlines()
    assert doubt == "sizes are given without the batch axis: write 3x64x64, not 2x3x64x64, if 2 is the batch"
    assert "with this stack" in further
    two: Any = {"inputs": {"a": "2x3x64x64", "b": "3x8x8"}, "layers": [{"concat": ["a", "b"]}]}
    assert "batch axis" not in shapecalc.load(two).problems()[0].hint


@pytest.mark.parametrize(
    ("size", "layer", "words"),
    [
        (
            [8, 15, 15],
            {"Linear": {"in_features": 1800, "out_features": 10}},
            "write `- flatten` before it, for 1,800 features",
        ),
        ([8, 15, 15], {"Dense": {"in_features": 100, "units": 10}}, "write `- flatten` before it, for 1,800 features"),
        ([15, 64], {"linear": {"in_features": 100, "out_features": 10}}, "in_features: 64 would fit"),
        ([8, 15, 15], {"fc": {"in_features": 100, "out_features": 10}}, "in_features: 1800 would fit"),
    ],
)
def test_a_linear_layer_on_a_map_that_was_not_flattened(size: list[int], layer: Any, words: str) -> None:
    (problem,) = shapecalc.load({"input": size, "layers": [layer]}).problems()
    assert words in problem.hint
    assert ("fc" in problem.hint) == ("flatten" in words)


@pytest.mark.parametrize("size", ["3x224x224", "64x32x32", "512x7x7", "1x28x28", "40x200", "256x3x3", "3x8x8"])
def test_other_inputs_have_no_note(size: str) -> None:
    assert shapecalc.load({"input": size, "layers": ["relu"]}).graph.notes == ()


def test_several_problems_have_the_same_advice() -> None:
    layers = [
        {"conv": {"out_channels": 4, "kernel_size": 11}},
        {"conv": {"out_channels": 4, "kernel_size": 9}, "from": "input"},
    ]
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load({"input": "3x8x8", "layers": layers, "outputs": ["conv1", "conv2"]}).infer()
    assert [problem.hint.partition("; ")[2] for problem in caught.value.problems] == [
        "with this stack the smallest input that works is 11×11"
    ] * 2


def test_a_linear_layer_on_a_map_is_noted() -> None:
    def notes(size: str, layers: list[Any], **more: Any) -> tuple[str, ...]:
        return shapecalc.load({"input": size, "layers": layers, **more}).infer().notes

    doubt = (
        "linear1 works along the last axis of 8×15×15 alone: put `- flatten` before it, or use fc, for all its features"
    )
    assert notes("8x15x15", [{"Linear": 10}]) == (doubt,)
    assert notes("8x15x15", [{"Linear": 10}, {"Dense": 10}]) == (f"{doubt} (and 1 layer more)",)
    assert notes("8x15x15", ["flatten", {"Linear": 10}]) == ()
    assert notes("8x15x15", [{"fc": 10}]) == ()
    assert notes("15x64", [{"Linear": 10}]) == (), "a sequence of tokens"
    assert notes("15x15x8", [{"Linear": 10}], layout="HWC") == (), "along the channels"
    assert notes("8x15x15", [{"Linear": {"out_features": 10, "in_features": 15}}]) == (), "it says that it is meant"


HWC = "input: 32x32x3\nlayers:\n- conv: {out_channels: 4, kernel_size: 3}\n- relu\n"
NOTE = "sizes are read as channels × height × width here: write 3x32x32, or layout: HWC if the channels come last"
ASKED = {
    "summary": ["summary", "-"], "explain": ["explain", "-", "conv1"], "memory": ["memory", "-"], "rf": ["rf", "-"],
    "region": ["rf", "-", "conv1"], "check": ["check", "-"], "sizes": ["sizes", "-"],
    "formula": ["formula", "-", "--what", "params"], "sweep": ["sweep", "-"],
    "solve": ["solve", "-", "--for", "input", "--macs", "5M"],
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_every_command_has_the_note_on_an_input_that_fits(name):
    if name == "formula":
        pytest.importorskip("sympy")
    words = ASKED[name]
    for format_ in ("text", "markdown", "html"):
        out = html.unescape(run(*words, "--format", format_, text=HWC).out)
        assert " ".join(out.split()).replace("</p>", " ").replace("&#x27;", "'").count(NOTE) == 1, format_
    answer = json.loads(run(*words, "--format", "json", text=HWC).out)
    assert (answer["results"][0] if name == "check" else answer)["notes"] == [NOTE]
    right = HWC.replace("32x32x3", "3x32x32")
    assert '"notes": ["' not in run(*words, "--format", "json", text=right).out


def test_notes_of_several_networks_have_their_names():
    """One that all have is there once."""
    both = [shapecalc.load(f"name: {name}\n{HWC}") for name in ("one", "two")]
    assert both[0].compare(both[1]).notes == both[0].diff(both[1]).notes == (NOTE,)
    other = shapecalc.load("lenet5")
    assert both[0].compare(other).notes == both[0].diff(other).notes == (f"one: {NOTE}",)
    for answer in (both[0].compare(other), both[0].diff(other)):
        assert f"one: {NOTE}" in " ".join(answer.render().split())
    entries = both[0].compare(other).to_dict()["networks"]
    assert (entries[0]["notes"], "notes" in entries[1]) == ([NOTE], False)
    found = both[0].diff(other).to_dict()
    assert (found["a"]["notes"], "notes" in found["b"]) == ([NOTE], False)
    assert both[0].diff(both[1]).is_empty


MEANT = {
    "a batch of sequences": (
        "32x20x64", [{"LSTM": {"input_size": 64, "hidden_size": 8}}],
        "sizes are given without the batch axis: write 20x64, not 32x20x64, if 32 is the batch\n"
        "otherwise write `- flatten: {start_dim: 1, end_dim: 2}` before it, for steps along all axes but the last",
        ("20x64", []), (20, 8)),
    "a batch of token ids": (
        "32x20", [{"embedding": {"num_embeddings": 9, "embedding_dim": 4}}, {"GRU": {"hidden_size": 8}}],
        "sizes are given without the batch axis: write 20, not 32x20, if 32 is the batch\n"
        "otherwise write `- flatten: {start_dim: 1, end_dim: 2}` before it, for steps along all axes but the last",
        (20, []), (20, 8)),
    "a batch of two inputs": (
        {"a": "32x20x4", "b": "32x20x4"}, [{"add": ["a", "b"]}, {"RNN": 8}],
        "sizes are given without the batch axis: write 20x4, not 32x20x4, if 32 is the batch\n"
        "otherwise write `- to_tokens` before it, for its positions as steps",
        ({"a": "20x4", "b": "20x4"}, []), (20, 8)),
    "a batch of one of two inputs": (
        {"a": "20x4", "b": "32x20x4"}, [{"RNN": 4, "from": "b"}, {"add": [[], "a"]}],
        "sizes are given without the batch axis: write 20x4, not 32x20x4, if 32 is the batch\n"
        "otherwise write `- to_tokens` before it, for its positions as steps",
        ({"a": "20x4", "b": "20x4"}, []), (20, 4)),
    "a batch of series": (
        "32x20x1", [{"LSTM": {"input_size": 1, "hidden_size": 8}}],
        "sizes are given without the batch axis: write 20x1, not 32x20x1, if 32 is the batch\n"
        "otherwise write `- flatten: {start_dim: 1, end_dim: 2}` before it, for steps along all axes but the last",
        ("20x1", []), (20, 8)),
    "one axis of a sequence": (
        20, [{"LSTM": {"input_size": 1, "hidden_size": 8}}],
        "write `- unsqueeze: 2` before it, for one feature at each step; or an embedding, for token ids",
        (20, [{"unsqueeze": 2}]), (20, 8)),
    "a grey image": (
        "28x28", [{"Conv2d": {"in_channels": 1, "out_channels": 8, "kernel_size": 3}}],
        "the input has no channel axis: write 1x28x28", ("1x28x28", []), (8, 26, 26)),
    "an image with its channels last": (
        "28x28", [{"Conv2D": {"filters": 8, "kernel_size": 3}}],
        "the input has no channel axis: write 28x28x1, or 28x28x3 in colour", ("28x28x1", []), (26, 26, 8)),
    "an image with one of its sizes": (
        "3x224", [{"Conv2d": {"in_channels": 3, "out_channels": 64, "kernel_size": 7}}],
        "an image has two spatial axes: write 3x224x224\notherwise use Conv1d, or conv for any number of spatial axes",
        ("3x224x224", []), (64, 218, 218)),
    "an image with one of its sizes, its channels last": (
        "224x3", [{"Conv2D": {"filters": 64, "kernel_size": 7}}],
        "an image has two spatial axes: write 224x224x3\notherwise use Conv1D, or conv for any number of spatial axes",
        ("224x224x3", []), (218, 218, 64)),
    "a signal": (
        160, [{"Conv1d": {"in_channels": 1, "out_channels": 8, "kernel_size": 9}}],
        "the input has no channel axis: write 1x160\notherwise write `- reshape: [1, 160]` before it", ("1x160", []), (8, 152)),
    "attention on a map": (
        "64x14x14", [{"MultiheadAttention": {"embed_dim": 64, "num_heads": 4}}],
        "axis 1 of its input is 64: write `- to_tokens` before it", ("64x14x14", ["to_tokens"]), (196, 64)),
    "a head on a map": (
        "512x7x7", [{"Linear": {"in_features": 512, "out_features": 10}}],
        "write `- global_avg_pool` before it, for the mean of each channel; or to_tokens, for linear at every position",
        ("512x7x7", ["global_avg_pool"]), (10,)),
    "features of each position of a map": (
        "512x7x7", [{"Linear": {"in_features": 512, "out_features": 10}}],
        "write `- global_avg_pool` before it, for the mean of each channel; or to_tokens, for linear at every position",
        ("512x7x7", ["to_tokens"]), (49, 10)),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANT)
def test_the_followed_hint_gives_what_was_meant(name: str) -> None:
    size, layers, hint, (meant, before), output = MEANT[name]
    more: dict[str, Any] = {"layout": "HWC"} if "last" in name else {}

    def spec(size: Any, layers: list[Any]) -> dict[str, Any]:
        return {"inputs" if isinstance(size, dict) else "input": size, "layers": layers, **more}

    with pytest.raises(ShapeError) as caught:
        shapecalc.load(spec(size, layers)).infer()
    assert caught.value.problems[0].hint == hint
    report = shapecalc.load(spec(meant, [*before, *layers])).infer()
    assert (next(iter(report.outputs.values())), report.notes) == (output, ())


@pytest.mark.parametrize(
    ("size", "layer", "padding"),
    [
        ("8x28x28", {"kernel_size": 3, "dilation": 24}, 24),  # ASPP of DeepLab: every branch keeps the size
        ("8x9", {"kernel_size": 5, "dilation": 6}, 12),
        ("8x28x28", {"kernel_size": 3, "dilation": 24, "stride": 2}, 11),  # the least that fits, for all others
        ("8x28x28", {"kernel_size": 4, "dilation": 24}, 23),
        ("8x28x28", {"kernel_size": [3, 5], "dilation": 12}, 11),
        ("8x4x4", {"kernel_size": 5}, 1),
    ],
)
def test_a_dilated_window_that_does_not_fit_gets_the_padding_that_keeps_the_size(
    size: str, layer: dict[str, Any], padding: int
) -> None:
    (problem,) = shapecalc.load([{"conv": {"out_channels": 4, **layer}}], input=size).problems()
    assert problem.hint.startswith(f"padding: {padding} would fit")
    output = shapecalc.load([{"conv": {"out_channels": 4, **layer, "padding": padding}}], input=size).infer()
    kept = "4" + size[1:]
    assert ("x".join(map(str, *output.outputs.values())) == kept) == (padding in (12, 24))


@pytest.mark.parametrize(
    ("head", "hint", "mended"),
    [
        ({"linear": 64}, "out_features: 500 and bias: false would fit", {"out_features": 500, "bias": False}),
        (
            {"linear": {"out_features": 64, "bias": False}},
            "out_features: 500 would fit",
            {"out_features": 500, "bias": False},
        ),
        ({"linear": 500}, "bias: false would fit; for one", {"out_features": 500, "bias": False}),
        ({"lstm": 64}, "give it the same input sizes", None),
    ],
)
def test_a_head_that_is_tied_to_an_embedding_has_its_vocabulary(head: Any, hint: str, mended: Any) -> None:
    embedding = {"embedding": {"num_embeddings": 500, "embedding_dim": 64}, "name": "wte"}
    (problem,) = shapecalc.load([embedding, {**head, "share": "wte"}], input=20).problems()
    assert problem.hint.startswith(hint)
    if mended:
        report = shapecalc.load([embedding, {"linear": mended, "share": "wte"}], input=20).infer()
        assert (next(iter(report.outputs.values())), report.total.params) == ((20, 500), 500 * 64)


OWN = "the input in the specification is"
NO_BATCH = "sizes are given without the batch axis: write"


@pytest.mark.parametrize(
    ("name", "size", "note"),
    [
        ("resnet50", 224, f"{OWN} 3x224x224, not 224: write 3x224x224"),
        ("resnet50", "256x320", f"{OWN} 3x224x224, not 256x320: write 3x256x320"),
        ("resnet50", "3x224", f"{OWN} 3x224x224, not 3x224: write 3x224x224"),
        ("resnet50", "3x256", f"{OWN} 3x224x224, not 3x256: write 3x256x256"),
        ("alexnet", 256, f"{OWN} 227x227x3, not 256: write 256x256x3"),
        ("alexnet", "32x227x227x3", f"{NO_BATCH} 227x227x3, not 32x227x227x3, if 32 is the batch"),
        ("alexnet", "128x227x227x3", f"{NO_BATCH} 227x227x3, not 128x227x227x3, if 128 is the batch"),
        ("resnet50", "16x3x64x64", f"{NO_BATCH} 3x64x64, not 16x3x64x64, if 16 is the batch"),
        ("lenet5", "64x1x32x32", f"{NO_BATCH} 32x32x1, not 64x1x32x32, if 64 is the batch"),
        ("resnet50", "3x16x112x112", ""),  # a video clip
        ("resnet50", "3x64x96", ""),
    ],
)
def test_another_number_of_axes_than_that_of_the_image_in_the_specification_is_noted(
    name: str, size: Any, note: str
) -> None:
    network = shapecalc.load(name, input=size)
    assert [one for one in network.graph.notes if OWN in one or NO_BATCH in one] == ([note] if note else [])
    for problem in network.problems()[:1]:
        assert problem.hint.startswith(note)
    written = note.partition(", if ")[0].split("write ")[-1].partition(",")[0]
    if note:
        assert not shapecalc.load(name, input=written).graph.notes
        assert not shapecalc.load(name).with_overrides(written).problems()


PAIR = [[{"linear": 32}], [{"linear": 32}]]


@pytest.mark.parametrize(
    ("size", "branches", "after", "joins"),
    [
        ("50x64", PAIR, ["relu", {"Linear": {"in_features": 64, "out_features": 5}}], True),
        ("50x64", [[{"lstm": 32}], [{"lstm": 16}]], [{"Linear": {"in_features": 48, "out_features": 5}}], False),
        ("50x64", PAIR, [{"Linear": {"in_features": 96, "out_features": 5}}], False),
        ("3x50x64", PAIR, [{"Linear": {"in_features": 64, "out_features": 5}}], False),  # channels of a map are joined
    ],
)
def test_a_join_along_the_length_is_the_hint_of_the_layer_behind_it(
    size: str, branches: list[Any], after: list[Any], joins: bool
) -> None:
    problems = shapecalc.load([{"concat": branches}, *after], input=size).problems()
    hint = "concat1 joins 50×32 along the length: dim: -1 there joins the features, 50×64\notherwise in_features: 32 would fit"
    assert problems[0].hint.startswith(hint) == joins
    assert ("dim: -1 there" in problems[0].hint) == joins
    if joins:
        report = shapecalc.load([{"concat": {"branches": branches, "dim": -1}}, *after], input=size).infer()
        assert next(iter(report.outputs.values())) == (50, 5)


@pytest.mark.parametrize(
    ("layers", "note"),
    [
        (
            [{"concat": [[{"lstm": 32}], [{"GRU": 32}]]}],
            "concat1 joins 50×32 along the length: dim: -1 joins their features",
        ),
        ([{"concat": {"branches": [[{"lstm": 32}], [{"GRU": 32}]], "dim": -1}}], ""),
        ([{"concat": {"branches": [[{"lstm": 32}], [{"GRU": 32}]], "dim": 1}}], ""),
        ([{"concat": [[{"lstm": 32}], [{"lstm": 32, "from": "b"}]]}], ""),  # two sequences, one behind the other
        ([{"concat": [[{"linear": 32}], [{"linear": 32}]]}], ""),  # which axis is the length is not known
    ],
)
def test_branches_of_one_sequence_that_are_joined_along_the_length_are_noted(layers: list[Any], note: str) -> None:
    inputs = {"a": "50x64", **({"b": "50x64"} if "from" in str(layers) else {})}
    notes = shapecalc.load({"inputs": inputs, "layers": layers}).infer().notes
    assert [one for one in notes if "length" in one] == ([note] if note else [])


def test_attention_on_all_positions_costs_what_it_does_in_pytorch() -> None:
    """Of torch.nn.MultiheadAttention(64, 4) on 196 tokens: four projections, and two products of 196×196×64."""
    layers = ["to_tokens", {"MultiheadAttention": {"embed_dim": 64, "num_heads": 4}}]
    assert shapecalc.load(layers, input="64x14x14").infer().total.macs == 4 * 196 * 64**2 + 2 * 196**2 * 64


@pytest.mark.parametrize(
    ("size", "layers"),
    [
        ("3x8x8", [{"conv": {"out_channels": 8, "kernel_size": 3, "groups": 2}}]),  # a small image
        (
            "5x8x8",
            [{"conv": {"out_channels": 8, "kernel_size": 3, "groups": 2}}],
        ),  # an axis of 5, which 2 do not divide
        ("3x64x64", [{"LSTM": 8}]),
        ("5x20x64", [{"Conv2d": {"out_channels": 4, "kernel_size": 3}}, "flatten", {"LSTM": 8, "from": "input"},
                     "flatten", {"concat": ["flatten1", "flatten2"]}]),  # one of two branches
        (20, [{"LSTM": 8}]),
        (20, [{"fc": 4}, {"Conv2d": {"out_channels": 8, "kernel_size": 3}}]),
        ("5x7x9", [{"linear": {"in_features": 63, "out_features": 4}}]),
    ],
)  # fmt: skip
def test_no_hint_on_an_axis_where_none_is_likely(size: Any, layers: list[Any]) -> None:
    with pytest.raises(ShapeError) as caught:
        shapecalc.load({"input": size, "layers": layers}).infer()
    assert "batch axis" not in caught.value.problems[0].hint
    assert "channel axis" not in caught.value.problems[0].hint


def test_a_stated_size_that_fits_every_copy_is_suggested() -> None:
    layer = {"Conv2d": {"in_channels": 4, "out_channels": 3, "kernel_size": 1}, "repeat": 2}
    with pytest.raises(ShapeError) as caught:
        shapecalc.load(f"input: 3x8x8\nlayers:\n- {json.dumps(layer)}\n").infer()
    assert caught.value.problems[0].hint == "in_channels: 3 would fit, or leave it out: it is inferred"


def test_the_channels_of_a_colour_image_are_no_batch() -> None:
    (problem,) = shapecalc.load({"input": "3x32x32", "layers": [{"batch_norm": 32}]}).problems()
    assert problem.hint == "num_features: 3 would fit, or leave it out: it is inferred"


def test_sizes_has_the_same_note_on_an_input_that_replaces_another() -> None:
    text = "input: 3x32x32\nlayers: [conv: {out_channels: 8, kernel_size: 3}]\n"
    network = shapecalc.load(text).with_overrides("64")
    with pytest.raises(ShapeError) as caught:
        network.legal_sizes()
    assert caught.value.problems[0].hint.startswith(f"{OWN} 3x32x32, not 64: write 3x64x64")


def test_a_product_that_fits_no_better_as_sizes_is_meant() -> None:
    layers = "layers: [linear: {in_features: 3000, out_features: 2}]"
    with pytest.raises(ShapeError) as caught:
        shapecalc.load(f"input: 3*32*32\n{layers}\n").infer()
    assert "write 3x32x32" not in caught.value.problems[0].hint
    with pytest.raises(ShapeError) as caught:
        shapecalc.load("input: 3*32*32\nlayers: [conv: {out_channels: 8, kernel_size: 3}]\n").infer()
    assert caught.value.problems[0].hint.startswith("the input is one axis of 3,072: write 3x32x32 for 3 axes")


def test_a_product_of_a_batch_and_an_image_is_the_image() -> None:
    layers = "layers: [Conv2d: {out_channels: 8, kernel_size: 3}]"
    with pytest.raises(ShapeError) as caught:
        shapecalc.load(f"input: 16*3*32*32\n{layers}\n").infer()
    hint = "the input is one axis of 49,152: write 3x32x32 for 3 axes, if 16 is the batch"
    assert caught.value.problems[0].hint == hint
    shapecalc.load(f"input: 3x32x32\n{layers}\n").infer()
