"""The table of the family of each name, checked against the declarations of the kinds."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from textwrap import wrap

from shapecalc.layers import KINDS, families, find_kind
from shapecalc.layers.base import layer
from shapecalc.layers.base.layer import Layer, normalise_word
from shapecalc.layers.base.windowed import Windowed
from shapecalc.layers.kinds import __path__ as folder

HEAD = '''"""The names of the layer kinds of each family, written by `pytest --renew tests/layers/test_families.py`.

With it the family of a name is found without loading the others. Each line is one kind: its name and also-names, as
`normalise_word` writes them.
"""

__all__ = ["FAMILIES"]

FAMILIES = {
'''


def table() -> str:
    """Return the text of the table, generated from every module of the folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(folder))
    lines = []
    for family in names:
        import_module(f"shapecalc.layers.kinds.{family}")
        kinds = [cls for cls in layer.KINDS.values() if cls.__module__ == f"shapecalc.layers.kinds.{family}"]
        words = sorted(" ".join(sorted({normalise_word(word) for word in (cls.kind, *cls.also)})) for cls in kinds)
        lines += [
            f'    "{family}": """',
            *[f"        {line}" for kind in words for line in wrap(kind, 110)],
            '    """,',
        ]
    return HEAD + "\n".join(lines) + "\n}\n"


def test_the_table_of_families_is_up_to_date(request):
    with open(families.__file__, encoding="utf-8") as stream:
        found = stream.read()
    fresh = table()
    if request.config.getoption("--renew") and found != fresh:
        with open(families.__file__, "w", encoding="utf-8") as stream:
            stream.write(fresh)
        found = fresh
    assert found == fresh, (
        "the kinds or their names have changed: write the table anew with\n\n"
        "    pytest --renew tests/layers/test_families.py\n\n"
        "and run the tests again, which then see the new kinds"
    )


def test_every_name_is_found_in_one_family():
    words = [word for text in families.FAMILIES.values() for word in text.split()]
    assert len(words) == len(set(words)) > 200
    for family, text in families.FAMILIES.items():
        assert {find_kind(word).family for word in text.split()} == {family}
    assert set(KINDS) == {cls.kind for cls in KINDS.values()}
    assert [cls.family for cls in KINDS.values()] == sorted(cls.family for cls in KINDS.values())


def test_contributing_lists_all_attributes_of_a_kind():
    """Everything that kinds set or override of their bases is in CONTRIBUTING."""
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text.partition("## How do I add a layer kind?")[2].partition("\n## ")[0]
    declared = {
        name
        for cls in KINDS.values()
        for owner in cls.__mro__
        if owner.__module__.startswith("shapecalc.layers.kinds.")
        for name in vars(owner)
        if not name.startswith("_") and hasattr(Windowed if issubclass(cls, Windowed) else Layer, name)
    }
    assert {"kind", "output", "padding", "looks"} <= declared
    assert sorted(name for name in declared if not re.search(rf"\b{name}\b", recipe)) == []
