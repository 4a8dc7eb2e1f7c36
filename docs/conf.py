"""Configuration of the documentation site: `sphinx-build -W --keep-going -b html docs build/site`.

Nothing of it needs a network, neither to build nor to read: no font, script or picture is of another host, and
formulas are MathML. The reference is generated from declarations (`_generate/`) into `reference/`, which is not
committed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from _generate import index, mathml, reference  # noqa: E402
from pygments.lexers.special import TextLexer  # noqa: E402

import shapecalc  # noqa: E402

project = "shapecalc"
author = "The shapecalc developers"
copyright = author  # noqa: A001  (Sphinx' name)
version = release = shapecalc.__version__

extensions = ["myst_parser"]
exclude_patterns = ["_generate", "_static"]
myst_enable_extensions = ["dollarmath"]
myst_dmath_allow_labels = False
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # an example may show what is no valid JSON: part of it
highlight_language = "none"

html_theme = "furo"
html_title = f"shapecalc {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"


def setup(app: Any) -> dict[str, bool]:
    """Connect what is generated."""
    app.add_lexer("console", TextLexer)  # shells' colours of variables would colour arguments
    app.add_html_math_renderer("mathml", (mathml.visit, None), (mathml.visit_block, None))
    app.connect("builder-inited", lambda app: reference.write(Path(app.srcdir) / "reference"))
    app.connect("source-read", index.add_tree)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
