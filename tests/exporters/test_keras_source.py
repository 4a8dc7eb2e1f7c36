"""Keras source: its text, without Keras."""

from __future__ import annotations

import ast
import re

import pytest
from searching import some

import shapecalc
from shapecalc.language.files import bundled_members

ZOO = [name for _, name in bundled_members()]

CANNOT = {}


def cannot(name):
    """The reason for which a network of the zoo cannot be written; empty for one that can."""
    return next((reason for pattern, reason in CANNOT.items() if re.fullmatch(pattern, name)), "")


@pytest.mark.parametrize("name", some(ZOO, 24))
def test_the_zoo_is_valid_python(name):
    net = shapecalc.load(name)
    if reason := cannot(name):
        with pytest.raises(shapecalc.UsageError, match=re.escape(reason).replace("mamba2\\?", "mamba2?")):
            net.convert("keras")
        return
    source = net.convert("keras")
    ast.parse(source)
    assert max(map(len, source.splitlines())) <= 150
