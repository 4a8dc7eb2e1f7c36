"""Import what a page asks for, within Pyodide: the snapshot of the site's start is the memory after this."""

import gc
import json
import sys

sys.path.append("/lib/shapecalc")

from shapecalc.editor.engine import answer


def answer_json(request: str) -> str:
    """Return the answer to a request, both as JSON."""
    return json.dumps(answer(json.loads(request)))


opened = answer({"do": "example", "name": "lenet5"})
shown = {"text": opened["text"], "name": opened["name"]}
asked = [{"do": "look"}, {"do": "explain", "layer": "c1"}, {"do": "picture", "style": "graph"}]
for wanted in [*asked, {"do": "memory"}, {"do": "field", "layer": ""}, {"do": "examples"}]:
    if not answer({**shown, **wanted})["ok"]:
        raise RuntimeError(wanted)
del opened, shown, asked, wanted
gc.collect()
gc.freeze()  # what was imported is never garbage
