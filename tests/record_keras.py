"""Record what Keras answers of small models: their configs, sizes and parameters, to tests/data/keras_models.json.gz.

    KERAS_BACKEND=torch python tests/record_keras.py keras         # Keras 3.15.1 with PyTorch 2.13.0
    python tests/record_keras.py tf_keras                          # Keras 2.21.0 with TensorFlow 2.21.0

Each writes its own part of the file; models that a version does not have are left out.
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path

import keras_layers
import keras_models

FILE = Path(__file__).with_name("data") / "keras_models.json.gz"


def main() -> None:
    library = sys.argv[1]
    keras = importlib.import_module(library)
    tensorflow = importlib.import_module("tensorflow") if library == "tf_keras" else None
    parts = json.loads(gzip.decompress(FILE.read_bytes())) if FILE.exists() else {}
    found = {}
    for name, build in keras_models.models(keras, tensorflow):
        keras.backend.clear_session()
        try:
            model = build()
        except (AttributeError, TypeError, ValueError) as error:
            print(f"left out: {name}: {str(error)[:100]}")
            continue
        config = json.loads(model.to_json())
        config.pop("compile_config", None)
        found[name] = {"config": keras_layers.slim(config), "answer": keras_layers.answer_of(model)}
    parts[f"{library} {keras.__version__}"] = found
    FILE.write_bytes(gzip.compress(json.dumps(parts, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{len(found)} models of {library} {keras.__version__}, {FILE.stat().st_size:,} bytes in all")


if __name__ == "__main__":
    main()
