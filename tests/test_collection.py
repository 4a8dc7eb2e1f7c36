"""The pause of the collection of cycles while graphs and reports are made."""

from __future__ import annotations

import gc

import pytest

from shapecalc.collection import uncollected


@pytest.fixture(autouse=True)
def collected():
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_made_in_a_pause_is_not_looked_through_after_it():
    passes = []
    gc.callbacks.append(lambda phase, info: passes.append(info["generation"]) if phase == "start" else None)
    try:
        with uncollected():
            made = [[i] for i in range(20_000)]
            assert not gc.isenabled()
        assert gc.isenabled()
        assert passes == []
        assert any(one is made for one in gc.get_objects(generation=2))
        assert gc.get_freeze_count() == 0
    finally:
        gc.callbacks.pop()


def test_what_the_caller_has_frozen_stays_so():
    gc.collect()
    gc.freeze()
    frozen = gc.get_freeze_count()
    with uncollected():
        pass
    assert gc.get_freeze_count() > frozen - 100 > 0  # some of it may end meanwhile


def test_a_pause_of_the_caller_is_left_as_it_is():
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
