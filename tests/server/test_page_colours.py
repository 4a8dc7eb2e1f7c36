"""The page has the colours of pictures: a family looks the same in the table and in the drawing beside it."""

from __future__ import annotations

import re
from pathlib import Path

from shapecalc.renderers.pictures.palette import COLOURS

STYLES = Path(__file__).parents[2] / "web" / "src" / "styles" / "base.css"


def test_families_have_the_colours_of_pictures():
    text = STYLES.read_text(encoding="utf-8")
    rules = re.findall(r'^\[data-group="(\w+)"\].*--chip: light-dark\((#\w+), (#\w+)\)', text, re.MULTILINE)
    found = {name: (light, dark) for name, light, dark in rules if name in COLOURS}
    assert found == {name: COLOURS[name] for name in found}
    assert len(found) > 9
