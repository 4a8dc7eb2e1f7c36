"""The inputs of a Caffe net: what its data layers output, their sizes, and where the batch is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import plain_of
from shapecalc.errors import LayerError
from shapecalc.importers.caffe.operations import find_layer_type
from shapecalc.importers.inputs import called
from shapecalc.importers.tensors import LOST, Batch, sizes_text
from shapecalc.layers.base.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.caffe.messages import CaffeLayer, Net, Params

__all__ = ["BlobError", "BlobSizes", "InputBlob", "input_blobs", "is_source", "regions_of", "sized"]

_LARGEST = 2**31
_LABELS = {"softmaxwithloss": 1, "softmaxloss": 1, "hingeloss": 1, "multinomiallogisticloss": 1, "infogainloss": 1,
           "accuracy": 1, "contrastiveloss": 2}  # fmt: skip
"""Layers, and which of their inputs is the labels: one number for each sample."""

_REGIONS = ("roipooling", "roialign", "psroipooling")
"""Layers whose second input is a list of regions, which have no batch."""

_RECURRENT = ("lstm", "rnn")
"""Layers whose second input says where sequences go on: its size is steps × sequences."""

_STATED = ("data", "imagedata", "memorydata", "windowdata", "annotateddata")
"""Data layers of which it is known that their labels are one number each (of boxes: eight)."""

_HINT = "give sizes their values: --input"


class InputBlob(NamedTuple):
    """An input: its name, its size with the batch as the file has it (None: not stated), and the layer that has it.

    `assumed` is what of the size the file does not state; `is_guess` is whether labels may have another size.
    """

    name: str
    dims: tuple[int, ...] | None
    layer: CaffeLayer | None = None
    assumed: str = ""
    is_guess: bool = False


def is_source(layer: CaffeLayer) -> bool:
    """Return whether a layer reads data: it has no input, and is none that needs one."""
    return not layer.bottoms and bool(layer.tops) and (layer.key == "python" or not find_layer_type(layer.key))


def input_blobs(net: Net, layers: Sequence[CaffeLayer]) -> list[InputBlob]:
    """Return the inputs of a net with these layers. Errors: `BadFieldError`."""
    found = [InputBlob(name, dims) for name, dims in net.inputs]
    for layer in layers:
        if is_source(layer):
            found += _of_layer(layer)
    labels = _labels(layers)
    return [blob._replace(dims=(_batch(blob.layer),), is_guess=True) if blob.dims is None and blob.name in labels
            else blob for blob in found]  # fmt: skip


def _labels(layers: Sequence[CaffeLayer]) -> set[str]:
    """Return the names of what is used as labels alone."""
    as_labels: set[str] = set()
    as_others: set[str] = set()
    for layer in layers:
        for number, name in enumerate(layer.bottoms):
            (as_labels if _LABELS.get(layer.key) == number else as_others).add(name)
    return as_labels - as_others


def _of_layer(layer: CaffeLayer) -> list[InputBlob]:
    """Return the outputs of a data layer, with their sizes where it states them."""
    shapes = layer.param("input_param").shapes() or _dummy_shapes(layer.param("dummy_data_param"))
    if shapes:
        shapes = shapes * len(layer.tops) if len(shapes) == 1 else shapes
        return [
            InputBlob(top, shapes[number] if number < len(shapes) else None, layer)
            for number, top in enumerate(layer.tops)
        ]
    dims, assumed = _image(layer)
    found = [InputBlob(layer.tops[0], dims, layer, assumed)]
    batch = dims[0] if dims else _batch(layer)
    for top in layer.tops[1:]:
        label = (batch, 1, 1, 8) if layer.key == "annotateddata" else (batch,)
        stated = layer.key not in ("hdf5data", "python") and layer.key.endswith("data")
        found.append(InputBlob(top, label if stated else None, layer, is_guess=layer.key not in _STATED))
    return found


def _dummy_shapes(params: Params) -> list[tuple[int, ...]]:
    """Return the sizes of DummyData: shapes, or four lists of numbers, each of one or as many as there are outputs."""
    four = [params.integers(name) for name in ("num", "channels", "height", "width")]
    count = max(map(len, four))
    if params.shapes() or not count:
        return params.shapes()
    return [tuple([values[min(i, len(values) - 1)] if values else 1 for values in four]) for i in range(count)]


_OF_DATA = ("data_param", "image_data_param", "memory_data_param", "window_data_param", "hdf5_data_param")


def _batch(layer: CaffeLayer | None) -> int:
    """Return the size of the batch that a data layer states: 1 if it states none."""
    if layer is None:
        return 1
    return max([layer.param(name).integer("batch_size", 1, 1) for name in _OF_DATA])


def _image(layer: CaffeLayer) -> tuple[tuple[int, ...] | None, str]:
    """Return the size of the images of a data layer, and what of it is assumed."""
    memory, transform = layer.param("memory_data_param"), layer.param("transform_param")
    if "channels" in memory:
        return (_batch(layer), *[memory.integer(name, 1) for name in ("channels", "height", "width")]), ""
    images, resized = layer.param("image_data_param"), transform.inner("resize_param")
    crops = [layer.param(name).integer("crop_size", 0) for name in ("transform_param", *_OF_DATA)]
    height, width = transform.integer("crop_h", max(crops)), transform.integer("crop_w", max(crops))
    height = height or resized.integer("height", 0) or images.integer("new_height", 0)
    width = width or resized.integer("width", 0) or images.integer("new_width", 0)
    if not height or not width or layer.key == "hdf5data":
        return None, ""
    means = len(transform.numbers("mean_value"))
    gray = transform.flag("force_gray", default=False) or not images.flag("is_color", default=True)
    channels = 1 if gray else means if means > 1 else 3
    stated = (
        gray or means > 1 or layer.key in ("imagedata", "windowdata") or transform.flag("force_color", default=False)
    )
    return (_batch(layer), channels, height, width), "" if stated else "3 channels"


class BlobSizes(NamedTuple):
    """The sizes of the inputs without the batch, and where that is; its size; and inputs without a size."""

    inputs: dict[str, tuple[Shape, Batch]]
    batch: int
    unknown: list[InputBlob]


def regions_of(layers: Sequence[CaffeLayer]) -> set[str]:
    """Return the names of what layers read as lists of regions."""
    return {layer.bottoms[1] for layer in layers if layer.key in _REGIONS and len(layer.bottoms) > 1}


def sized(blobs: Sequence[InputBlob], layers: Sequence[CaffeLayer], given: Mapping[str, tuple[Any, ...]]) -> BlobSizes:
    """Return the inputs with their sizes, where some are given. Errors: `BlobError` for an impossible one."""
    recurrent = {layer.bottoms[1] for layer in layers if layer.key in _RECURRENT and len(layer.bottoms) > 1}
    regions = regions_of(layers)
    batch, steps = _batch_of(blobs, recurrent, regions)
    found: dict[str, tuple[Shape, Batch]] = {}
    unknown = []
    for one in blobs:
        blob = one._replace(dims=one.dims[:2]) if one.name in regions and one.dims else one  # 1×5×1×1 is 1×5
        where = LOST if blob.name in regions else _where(blob, batch, steps, is_sequence=bool(recurrent))
        if blob.name in given:
            sizes = tuple([plain_of(size, "the structure of the net", _HINT) for size in given[blob.name]])
        elif blob.dims is None:
            unknown.append(blob)
            continue
        else:
            sizes = _without(blob.dims, where, batch)
        _check(blob._replace(layer=None) if blob.name in given else blob, sizes, where)
        found[blob.name] = (Shape(sizes, is_map=len(sizes) >= 3), where)
    return BlobSizes(found, batch, unknown)


def _batch_of(blobs: Sequence[InputBlob], recurrent: set[str], regions: set[str]) -> tuple[int, int]:
    """Return the size of the batch, and the number of steps of sequences, 0 if there are none."""
    for blob in blobs:
        if blob.name in recurrent and blob.dims and len(blob.dims) > 1:
            return blob.dims[1], blob.dims[0]
    for blob in blobs if not recurrent else ():
        if blob.name not in regions and (blob.dims or blob.layer):
            return max(blob.dims[0] if blob.dims else _batch(blob.layer), 1), 0
    return 1, 0


def _where(blob: InputBlob, batch: int, steps: int, *, is_sequence: bool) -> Batch:
    """Return where the batch is in an input: the second axis of sequences and of their states, the first of others."""
    dims = blob.dims
    if is_sequence and (dims is None or (dims[1:2] == (batch,) and dims[0] in (steps, 1))):
        return Batch(1, own=True)
    if dims is None or dims[:1] == (batch,):
        return Batch(0, own=True)
    return Batch(0, outer=steps) if steps and dims[:1] == (steps * batch,) else LOST


def _without(dims: tuple[int, ...], where: Batch, batch: int) -> tuple[int, ...]:
    if where.own:
        return (*dims[: where.axis], *dims[where.axis + 1 :])
    return (dims[0] // batch, *dims[1:]) if where.axis == 0 else dims


class BlobError(LayerError):
    """The size of an input cannot be; `layer` is the layer that has it, if it is one."""

    def __init__(self, message: str, layer: CaffeLayer | None) -> None:
        self.layer = layer
        super().__init__(message)


def _check(blob: InputBlob, sizes: tuple[int, ...], where: Batch) -> None:
    wrong = next((size for size in sizes if not 1 <= size < _LARGEST), None)
    if wrong is not None:
        raise BlobError(f"{called(blob.name)} has an axis of the impossible size {wrong}", blob.layer)
    if blob.dims is not None and not blob.is_guess and len(sizes) + where.own != len(blob.dims):
        due = sizes_text(_without(blob.dims, where, 1))
        which = " without the batch" if where.own else ""
        raise BlobError(f"{called(blob.name)} is {due}{which}: not {sizes_text(sizes)}", blob.layer)
