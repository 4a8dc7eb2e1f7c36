"""Slices, pieces, stacks, copies and reductions: laws, and PyTorch itself."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sizing import outputs, sized

import shapecalc
from shapecalc.errors import LayerError, UsageError


def _random_shape(rng: random.Random, least: int = 1) -> tuple[int, ...]:
    return tuple(rng.randint(1, 7) for _ in range(rng.randint(least, 4)))


def test_chunks_concatenate_to_their_input() -> None:
    for size in range(1, 30):
        for chunks in range(1, 5):
            if len(range(0, size, -(-size // chunks))) < chunks:  # PyTorch returns fewer pieces than requested
                with pytest.raises(LayerError, match="does not split into"):
                    sized("chunk", (size, 3), chunks=chunks)
                continue
            pieces = [sizes[0] for sizes in outputs(sized("chunk", (size, 3), chunks=chunks))]
            assert (len(pieces), sum(pieces)) == (chunks, size)


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_channels_as_an_axis(layout: str) -> None:
    shape = (6, 4, 4) if layout == "CHW" else (4, 4, 6)
    halves = outputs(sized("chunk", shape, layout=layout, chunks=2, dim="channels"))
    assert halves == [tuple(3 if size == 6 else size for size in shape)] * 2
    assert outputs(sized("mean", shape, layout=layout, dim="channels")) == [(4, 4)]


@pytest.mark.parametrize(
    ("kind", "arguments", "shape", "message"),
    [
        ("split", {"sizes": [2, 3]}, (7, 4), "sum of the sizes (=5) must equal the axis (=7)"),
        ("chunk", {"chunks": 4}, (5, 4), "an axis of 5 does not split into 4 pieces"),
        ("chunk", {"chunks": 2, "dim": 0}, (5, 4), "dim 0 is the batch axis"),
        ("slice", {"dim": 1, "start": 5}, (5, 4), "start of the slice (=5) must be less than its end (=5)"),
        (
            "slice",
            {"dim": 1, "start": -11, "end": -6},
            (5, 4),
            "start of the slice (=0) must be less than its end (=-1)",
        ),
        (
            "slice",
            {"dim": 1, "start": 1, "end": 3, "step": -1},
            (5, 4),
            "end of a slice backwards (=3) must be less than its start (=1)",
        ),
        ("expand", {"sizes": [3, 4]}, (2, 4), "an axis of the input (=2) must be 1 or equal the size wanted (=3)"),
        ("expand", {"sizes": [4]}, (2, 4), "sizes has 1 entries for an input of 2 axes"),
        ("mean", {"dim": [1, -2]}, (2, 4), "dim names an axis twice"),
        ("mean", {"dim": [3]}, (2, 4), "dim 3 is out of range"),
        ("roll", {"shifts": [1, 2], "dims": [1]}, (2, 4), "shifts has 2 entries and dims has 1"),
    ],
)
def test_invalid_inputs(kind: str, arguments: dict[str, Any], shape: tuple[int, ...], message: str) -> None:
    from shapecalc.layers.base.layer import KINDS
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.inference import size_layer

    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](**arguments), (Shape(shape),))
    assert message in str(caught.value)


def test_slices_agree_with_python() -> None:
    rng = random.Random(5)
    for _ in range(300):
        size, step = rng.randint(1, 9), rng.choice((-3, -2, -1, 1, 2, 3))
        start, end = rng.choice([None, rng.randint(-12, 12)]), rng.choice([None, rng.randint(-12, 12)])
        expected = len(range(size)[start:end:step])
        if expected:
            assert outputs(sized("slice", (size,), dim=1, start=start, end=end, step=step)) == [(expected,)]
            continue
        with pytest.raises(LayerError, match="must be less than its"):
            sized("slice", (size,), dim=1, start=start, end=end, step=step)


GATHERS = [
    ({"index": [0, 5]}, [(5, 4)], "index (=5) must be less than size of the axis (=5)"),
    ({"index": [0, -6]}, [(5, 4)], "index from the end (=6) must be at most size of the axis (=5)"),
    ({}, [(5, 4)], "gather needs index or a second input, and neither is given"),
    ({"index": 1}, [(5, 4), (3,)], "gather needs index or a second input, and both are given"),
    ({"index": [1, 2], "keepdim": False}, [(5, 4)], "index has 2 positions: keepdim must be true"),
    (
        {"mode": "elements"},
        [(5, 4), (3,)],
        "gather of elements needs two inputs with as many axes, but they are 5×4 and 3",
    ),
    ({"mode": "elements"}, [(5, 4), (9, 5)], "size of input 2 (=5) must be at most size of input 1 (=4)"),
]


@pytest.mark.parametrize(("arguments", "shapes", "message"), GATHERS)
def test_invalid_positions(arguments: dict[str, Any], shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(LayerError) as caught:
        sized("gather", *shapes, **arguments)
    assert str(caught.value).partition("\n")[0] == message


@pytest.mark.parametrize(("size", "pieces"), [(1, [1] * 7), (7, [7]), (2, [2, 2, 2, 1]), (3, [3, 3, 1]), (8, [7])])
@pytest.mark.parametrize("word", ["split_size", "split_size_or_sections"])
def test_one_number_is_the_size_of_every_piece(word: str, size: int, pieces: list[int]) -> None:
    """The pieces are those of torch.split(torch.empty(7, 4), size) of PyTorch 2.13.0."""
    spec = {"input": "7x4", "layers": [{"split": {word: size, "dim": 1}}]}
    assert shapecalc.load(spec).infer()["split1"].output_shapes == [(piece, 4) for piece in pieces]


def test_too_many_pieces_are_refused() -> None:
    with pytest.raises(LayerError, match="it has 10,001 pieces: the maximum is 10,000"):
        sized("split", (10_001, 4), sizes=1)


def test_the_number_of_pieces_cannot_vary() -> None:
    """It is never guessed: a sweep tries each value, a search over many at once is refused."""
    spec = {"input": "4x10", "vars": {"w": 8}, "layers": [{"linear": "w"}, {"split": {"split_size": 4, "dim": 2}}]}
    sweep = pytest.importorskip("numpy") and shapecalc.sweep(spec, vars={"w": [4, 8, 10]})
    assert list(sweep["valid"]) == [True] * 3
    with pytest.raises(UsageError) as caught:
        shapecalc.solve(spec, find="w", params="1k")
    assert str(caught.value) == (
        "the number of pieces of split depends on a size that is a symbol, or has several values at once\n"
        "   give the size of each: sizes: [16, 16]"
    )


@pytest.mark.torch
def test_split_chunk_and_stack_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(6)
    for _ in range(60):
        shape = _random_shape(rng)
        tensor = torch.empty(1, *shape, device="meta")
        dim = rng.choice([i for i in range(-len(shape), len(shape) + 1) if i])
        size = tensor.shape[dim]
        cut = rng.randint(1, size)
        sizes = [cut, size - cut] if cut < size else [cut]
        assert outputs(sized("split", shape, sizes=sizes, dim=dim)) == _shapes(torch.split(tensor, sizes, dim))
        pieces = torch.chunk(tensor, rng.randint(1, 4), dim)
        assert outputs(sized("chunk", shape, chunks=len(pieces), dim=dim)) == _shapes(pieces)
        count, new = rng.randint(1, 3), rng.choice([i for i in range(-len(shape) - 1, len(shape) + 2) if i])
        assert outputs(sized("stack", *[shape] * count, dim=new)) == _shapes([torch.stack([tensor] * count, new)])
        times = [rng.randint(1, 3) for _ in shape]
        assert outputs(sized("tile", shape, dims=times)) == _shapes([tensor.repeat(1, *times)])
        flat = torch.empty(1, *(1 if rng.random() < 0.5 else s for s in shape), device="meta")
        assert outputs(sized("expand", tuple(flat.shape[1:]), sizes=list(shape))) == _shapes([flat.expand(1, *shape)])


@pytest.mark.torch
def test_reductions_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(7)
    functions = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax, "min": torch.amin}
    for _ in range(60):
        shape = _random_shape(rng)
        tensor = torch.empty(1, *shape, device="meta")
        dims = rng.sample(range(1, len(shape) + 1), rng.randint(1, len(shape)))
        keep = rng.random() < 0.5
        for kind, function in functions.items():
            assert outputs(sized(kind, shape, dim=dims, keepdim=keep)) == _shapes([function(tensor, dims, keep)])
        assert outputs(sized("argmax", shape, dim=dims[0], keepdim=keep)) == _shapes([tensor.argmax(dims[0], keep)])


def _shapes(tensors: Any) -> list[tuple[int, ...]]:
    return [tuple(tensor.shape[1:]) for tensor in tensors]
