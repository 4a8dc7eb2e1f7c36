"""The models of torchvision.

torchvision's own wheel on PyPI needs CUDA's libraries for its operations; models do without, once the two operations are
declared that it registers on import.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, name):
        LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

models = pytest.importorskip("torchvision.models", exc_type=(ImportError, RuntimeError))
