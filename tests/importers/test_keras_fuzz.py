"""Broken models of Keras: for any change of a file there is an answer or an error in words, in bounded time."""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import json
import random
import zipfile
from pathlib import Path

import pytest

import shapecalc

FILE = Path(__file__).parents[1] / "data" / "keras_models.json.gz"
RECORDED = json.loads(gzip.decompress(FILE.read_bytes()))
CONFIGS = [json.dumps(found["config"]) for models in RECORDED.values() for found in models.values()]
STRANGE = [None, True, False, 0, -1, 1, 2, 10**9, 2**31, 2**70, -(2**40), 0.5, 1e308, "", "x", "same", "input_layer",
           [], [None], [[]], [0], [-1], [1, 2, 3], [[1, 2], [3, 4]], ["a", 0, 0], {}, {"class_name": "Dense"},
           {"class_name": "__keras_tensor__", "config": {}}, {"class_name": "__tuple__", "items": [1]},
           {"class_name": "Dense", "config": {"units": 3}}, [[["a", 0, 0, {}]]]]  # fmt: skip


def places(tree, found, depth=0):
    """Collect the containers of a tree with their keys."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        found.append((tree, key))
        places(tree[key], found, depth + 1)
    return found


def changed(text, draw):
    """Return a config with some values replaced, deleted, doubled or swapped."""
    tree = json.loads(text)
    for _ in range(draw.randint(1, 3)):
        found = places(tree, [])
        if not found:
            break
        where, key = draw.choice(found)
        what = draw.random()
        if what < 0.5:
            where[key] = copy.deepcopy(draw.choice(STRANGE))
        elif what < 0.7:
            del where[key]
        elif what < 0.85 and isinstance(where, list):
            where.insert(key, copy.deepcopy(where[key]))
        else:
            other, its = draw.choice(found)
            where[key] = json.loads(json.dumps(other[its])) if its in other or isinstance(other, list) else None
    return json.dumps(tree)


def answer(data):
    """Infer, and note what is raised: only errors in words may be."""
    with contextlib.suppress(shapecalc.ShapecalcError):
        shapecalc.load(data).infer()


@pytest.mark.parametrize("seed", range(20))
def test_changed_configs(seed):
    draw = random.Random(seed)
    for text in draw.sample(CONFIGS, 12):
        try:
            data = changed(text, draw)
        except (IndexError, KeyError):
            continue
        answer(data.encode())


@pytest.mark.parametrize("seed", range(5))
def test_changed_bytes(seed):
    draw = random.Random(seed)
    for text in draw.sample(CONFIGS, 10):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("metadata.json", "{}")
            file.writestr("config.json", text)
        for data in (bytearray(text.encode()), bytearray(archive.getvalue())):
            for _ in range(3):
                data[draw.randrange(len(data))] = draw.randrange(256)
            answer(bytes(data[: draw.randrange(len(data)) if draw.random() < 0.5 else None]))
