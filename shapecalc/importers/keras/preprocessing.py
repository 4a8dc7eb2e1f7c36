"""Preprocessing: what is done to images, numbers and words before a model, without learned weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN, layer, when
from shapecalc.importers.keras.records import read_layer
from shapecalc.importers.keras.structure import RecordError
from shapecalc.importers.tensors import Data

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall

_MODES = {"bilinear": "bilinear", "bicubic": "bicubic", "area": "area"}
_RANDOM = (
    "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomElasticTransform",
    "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert",
    "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear",
    "RandomTranslation", "RandomZoom", "RandAugment", "AugMix", "CutMix", "MixUp", "AutoContrast", "Equalization",
    "Solarization", "ContrastLimitedAdaptiveHistogramEqualization",
)  # fmt: skip
_BY_NUMBER = ("IntegerLookup", "StringLookup", "Hashing", "Discretization", "HashedCrossing")


@layer(*_RANDOM)
def _random(call: LayerCall) -> Data:
    """At inference an image passes unchanged, or in the same size."""
    return call.one("identity", call.data())


@layer("Rescaling")
def _rescaling(call: LayerCall) -> Data:
    return call.one("normalization", call.data(), buffer=False)


@layer("Resizing", "CenterCrop", "RandomCrop")
def _resizing(call: LayerCall) -> Data:
    height, width = call.whole("height"), call.whole("width")
    x, lead = call.as_map(call.data(), 2)
    size = [*([x.shape.sizes[0 if call.importing.is_last else 1]] if lead else []), height, width]
    crops = call.record.op != "Resizing" and height <= x.shape.spatial[-2] and width <= x.shape.spatial[-1]
    mode = _MODES.get(call.word("interpolation", "bilinear"), "nearest")
    if crops:
        y = call.one("crop", x, size=size)
    else:
        y = call.one("upsample", x, size=size, **when(mode in ("bilinear", "bicubic") and not lead, mode=mode))
    return call.as_it_was(y, lead, 2)


@layer("Pipeline")
def _pipeline(call: LayerCall) -> Any:
    """Layers in sequence."""
    layers = call.argument("layers")
    if not isinstance(layers, list):
        raise call.wrong("layers", "a list of layers")
    found: Any = call.data()
    for i, raw in enumerate(layers):
        try:
            record = read_layer(raw, f"layer[{i}]", 1)
        except RecordError as error:
            raise LayerError(f"{error}") from None
        if layer.find(record.op) is None:
            raise NotCoveredError(f"one of its layers is {record.title}")
        inner = call.of(record._replace(key=f"{call.record.key}/{i}"), [found])
        inner.place = call.part(record.name)
        found = call.importing.converted(inner)
        found = found if isinstance(found, Data) else found[0]
    return found


@layer("CategoryEncoding")
def _category_encoding(call: LayerCall) -> Data:
    x, tokens = call.data(), call.whole("num_tokens")
    return _encoded(call, x, tokens, call.word("output_mode", "multi_hot"))


@layer(*_BY_NUMBER)
def _by_number(call: LayerCall) -> Data:
    """Numbers in place of words or values; or, in other modes, a vector with one position for each."""
    mode = call.word("output_mode", "int")
    if mode == "int":
        return call.one("identity", call.data())
    size = call.argument("vocabulary_size") or call.argument("num_bins") or call.argument("max_tokens")
    boundaries = call.argument("bin_boundaries")
    if isinstance(boundaries, list) and call.record.op == "Discretization":
        size = len(boundaries) + 1
    if type(size) is not int:
        raise NotCoveredError("its vocabulary is not in the file")
    return _encoded(call, call.data(), size, mode)


def _encoded(call: LayerCall, x: Data, tokens: int, mode: str) -> Data:
    """Return a vector with a position for each token: where a number was, or one more axis. Nothing is learned."""
    if x.batch != OWN:
        raise NotCoveredError("the batch is not an axis of its own")
    own = x.shape.sizes
    before = own if mode == "one_hot" and own[-1:] != (1,) else own[:-1]
    return call.one("named_operation", x, output_sizes=[[*before, tokens]], op_type=call.record.op)


@layer("MelSpectrogram")
def _mel_spectrogram(call: LayerCall) -> Data:
    """Bands of a wave, at steps of time: their number as Keras states it."""
    x = call.data()
    if x.batch != OWN or x.shape.rank != 1:
        raise NotCoveredError("its input is not a wave for each sample")
    stride = call.whole("sequence_stride", 512)
    if stride < 1:
        raise call.wrong("sequence_stride", "1 or more")
    steps = (x.shape.sizes[0] + stride + 1) // stride
    return call.one("opaque", x, output_sizes=[[call.whole("num_mel_bins", 128), steps]], op_type=call.record.op)


@layer("TextVectorization")
def _text_vectorization(call: LayerCall) -> Data:
    length = call.argument("output_sequence_length")
    if call.word("output_mode", "int") != "int" or type(length) is not int:
        raise NotCoveredError("the length of its output is not in its config")
    return call.one("named_operation", call.data(), output_sizes=[[length]], op_type=call.record.op)
