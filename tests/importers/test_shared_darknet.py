"""The cfg files of darknet of the shared folder, whose truth is what darknet itself made of them.

These files are others' work, and not part of the project: these tests run where ../shared is.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from math import isclose, prod
from pathlib import Path

import pytest

import shapecalc

SHARED = next((p for p in Path(__file__).parents if (p / "shared" / "data").is_dir()), Path("/work"))
FOLDER = SHARED / "shared" / "data" / "formats" / "darknet"
FILES = sorted(FOLDER.glob("*.cfg"))

pytestmark = pytest.mark.skipif(not FILES, reason="the shared files are not here")

UNSTATED = "darknet does not count what its rnn, gru and connected layers hold or do: their sizes are checked instead"
DIFFERENCES = {
    "maxpool": "its bflops are comparisons, not multiply-accumulates: size² for each output element",
    "shortcut": "its bflops are additions, not multiply-accumulates: one for each output element",
    "xnor": "its bflops are divided by 32, as 32 products of bits are one operation: the MACs are the same",
    "batch_norm": "`nweights` has neither the scales and biases nor the rolling mean and variance, and `nbiases` is 0: "
                  "here the bias of a convolution is the shift of its batch normalisation, and statistics are buffers",
    "connected": UNSTATED,
    "rnn": UNSTATED,
    "gru": UNSTATED,
}  # fmt: skip
"""Where darknet's own numbers mean something else."""
FLOATS = {
    # (bytes of the published file of weights - header) / 4: pjreddie.com/media/files, releases of AlexeyAB/darknet
    "ab_yolov3": (248_007_048 - 20) // 4,
    "ab_yolov3-tiny": (35_434_956 - 20) // 4,
    "ab_yolov3-spp": (252_209_544 - 20) // 4,
    "ab_yolo": (203_934_260 - 16) // 4,
    "ab_yolov4_new": (257_717_640 - 20) // 4,
    "ab_yolov4-csp": (211_944_840 - 20) // 4,
    "pj_yolov2-tiny-voc": (63_471_556 - 16) // 4,
}


@pytest.fixture(params=[pytest.param(path, id=path.stem) for path in FILES] or [None])
def file(request):
    truth = json.loads(gzip.decompress(request.param.with_suffix(".truth.json.gz").read_bytes()))
    return shapecalc.load(str(request.param)), truth


def by_section(report):
    rows = defaultdict(list)
    for row in report.rows:
        rows[int(row.name.partition("_")[0])].append(row)
    return rows


def test_every_size_is_that_of_darknet(file):
    network, truth = file
    rows = by_section(network.infer())
    assert list(rows) == [layer["i"] for layer in truth["layers"]]
    for layer in truth["layers"]:
        shape = rows[layer["i"]][-1].output_shape
        assert prod(shape) == layer["outputs"], layer
        stated = (layer["out_c"], layer["out_h"], layer["out_w"])
        if any(stated):
            assert shape in (stated, stated[: -2 if stated[1:] == (1, 1) else 3]), layer


def test_every_parameter_and_mac_is_that_of_darknet(file):
    network, truth = file
    rows = by_section(network.infer())
    for layer in truth["layers"]:
        own = rows[layer["i"]]
        options = network.origin.cfg.sections[layer["i"]].options
        operations = layer["ops"] if "ops" in layer else layer["bflops"] * 1e9
        macs = 2 * sum(row.macs for row in own)
        weights = sum(row.weights for row in own if row.kind != "batch_norm")
        if layer["type"] in ("maxpool", "shortcut"):
            assert macs == 0
            assert operations in (0, pytest.approx(layer["outputs"] * max(layer["size"] ** 2, 1), rel=1e-5))
            continue
        if "xnor" in options:
            operations *= 32
        if operations or layer["type"] not in DIFFERENCES:
            assert isclose(macs, operations, rel_tol=1e-6), layer
        if layer["type"] in ("connected", "rnn", "gru"):
            assert layer["nweights"] == 0
            assert weights == held(layer["type"], layer["inputs"], layer["outputs"], options)
        else:
            assert weights == layer["nweights"], layer
        if layer["type"] == "convolutional":
            assert sum(row.params for row in own) == layer["nweights"] + layer["n"] * (1 + layer["bn"])
            assert sum(row.buffers for row in own) == 2 * layer["n"] * layer["bn"]


def held(kind, inputs, outputs, options):
    """How many weights a layer has that darknet does not count: those of the matrices of its `forward` function."""
    if kind == "connected":
        return inputs * outputs
    if kind == "gru":
        return 3 * inputs * outputs + 3 * outputs * outputs
    hidden = int(options["hidden"].text)
    return inputs * hidden + hidden * hidden + hidden * outputs


def test_everything_in_them_is_understood(file):
    network, truth = file
    count = len(truth["layers"])
    note = next(note for note in network.infer().notes if " sections: " in note)
    assert f"{count:,} sections: {count:,} layers, 0 unknown" in note
    assert "do not" not in note
    assert not network.warnings


@pytest.mark.parametrize("name", FLOATS)
def test_parameters_and_statistics_are_those_in_the_published_file_of_weights(name):
    total = shapecalc.load(str(FOLDER / f"{name}.cfg")).infer().total
    assert total.params + total.buffers == FLOATS[name]
