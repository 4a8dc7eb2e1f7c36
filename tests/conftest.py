"""Options and checks of the whole test suite."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import settings
from searching import WHOLE

# Every kind is loaded, so that tests over the registry see all of them.
from shapecalc.layers import KINDS  # noqa: F401

# A user's run and CI's (`--hypothesis-profile=thorough`), which searches further, say the same on every day and write
# nothing. A scheduled job (`--hypothesis-profile=explore`) searches where neither has been.
settings.register_profile("quick", max_examples=12, deadline=None, derandomize=True, database=None)
settings.register_profile("thorough", max_examples=100, deadline=None, derandomize=True, database=None)
settings.register_profile("explore", max_examples=200, deadline=None, derandomize=False, print_blob=True, database=None)
settings.load_profile("quick")


# These start commands within limits that only POSIX has, interrupt them, and write to pipes and full disks.
if os.name == "nt":
    collect_ignore = ["cli/test_hostile.py", "cli/test_output_files.py", "cli/test_sweep_files.py", "test_files.py"]


def pytest_addoption(parser):
    parser.addoption("--renew", action="store_true", help="write golden screens, error texts and documents anew")


def pytest_configure(config):
    """Set up the environment that the tests expect."""
    WHOLE[0] = config.option.markexpr != "not slow"
    gc.set_threshold(50_000)  # the objects of thousands of tests are not garbage, and slow to search
    # A shell starts background jobs with interrupts ignored, and the commands of the tests would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.name != "nt":  # and `nohup` ignores hangups
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Where comparisons with PyTorch are required, it must be installed: nothing is skipped without it.
    if os.environ.get("SHAPECALC_REQUIRE_TORCH"):
        import torch  # noqa: F401


_LISTED = {}


@pytest.fixture
def listed_once(monkeypatch):
    """`specs` infers every bundled network once, not in every test of the list."""
    from shapecalc.cli import specs

    listed = specs._listed

    def known(one):
        if one.name not in _LISTED:
            _LISTED[one.name] = listed(one)
        return _LISTED[one.name]

    monkeypatch.setattr(specs, "_listed", known)
