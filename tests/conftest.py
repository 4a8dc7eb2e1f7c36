"""Options and checks of the whole test suite."""

from __future__ import annotations

import os

# Every kind is loaded, so that tests over the registry see all of them.
from shapecalc.layers import KINDS  # noqa: F401


def pytest_addoption(parser):
    parser.addoption("--renew", action="store_true", help="write golden screens, error texts and documents anew")


def pytest_configure(config):
    """Where PyTorch must be compared with, it must be there: nothing is skipped for want of it."""
    if os.environ.get("SHAPECALC_REQUIRE_TORCH"):
        import torch  # noqa: F401
