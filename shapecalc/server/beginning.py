"""What the page begins with: the text of a specification, or of what a file of another format is converted to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shapecalc.editor.analysis import MAX_CHARACTERS
from shapecalc.errors import Problem, ShapeError, SpecError, UsageError
from shapecalc.importers import find_import
from shapecalc.language.files import STDIN, bundled_folder, find_config, locate, read_bytes
from shapecalc.language.members import choose, read_edited
from shapecalc.network import load

if TYPE_CHECKING:
    from shapecalc.language.files import Found
    from shapecalc.network import Network

__all__ = ["Beginning"]


class Beginning:
    """The SPEC of the command, empty for none. A specification is read again each time: it may have been saved since.

    `inputs` and `variables` are set beside its text; a file of another format is converted with them. `folder` is that
    of a specification in a file, from which files that it uses are read; empty for any other.
    """

    def __init__(self, spec: str, inputs: Any = None, variables: Mapping[str, Any] | None = None) -> None:
        self.spec = spec
        self.inputs = inputs
        self.variables = dict(variables or {})
        self.folder = ""
        self._kept: dict[str, Any] | None = None
        self._is_checked = False

    def read(self) -> dict[str, Any]:
        """Return the text, its name, the variant that is shown, and what is set. Errors: `UsageError`, `SpecError`."""
        sizes = self.inputs if isinstance(self.inputs, Mapping) else {"": self.inputs} if self.inputs else {}
        own = {"text": "", "name": "", "variant": "", "inputs": sizes, "variables": self.variables}
        return {**own, **(self._kept or (self._read() if self.spec else {}))}

    def _read(self) -> dict[str, Any]:
        if self.spec != STDIN:
            origin = None if find_config(self.spec) else find_import(self.spec)
            if origin is not None or find_config(self.spec):
                return self._converted(
                    load(self.spec if origin is None else origin, input=self.inputs, vars=self.variables)
                )
        found = locate(self.spec)
        content = read_bytes(found.path, found.name)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageError(f"{found.name} is not text in UTF-8") from None
        if len(text) > MAX_CHARACTERS:
            message = f"{found.name} has more than {MAX_CHARACTERS:,} characters, which is as much as a page edits"
            raise UsageError(Problem(message, hint="`shapecalc summary` reads a text of any length"))
        answer = {"text": text, "name": os.path.basename(found.path), "variant": found.variant}
        if found.path == STDIN:
            self._kept = answer = {**answer, "name": "net.yaml"}
        elif os.path.dirname(found.path) == bundled_folder():
            self._kept = answer
        else:
            self.folder = os.path.dirname(os.path.realpath(found.path))
        if not self._is_checked:
            self._check(text, answer["name"], found)
        return answer

    def _check(self, text: str, name: str, found: Found) -> None:
        """Check the variant, and what is set: what is wrong with the text, the page shows. Errors: `UsageError`."""
        path = "" if found.path == STDIN else found.path
        with contextlib.suppress(SpecError):
            load(choose(read_edited(text, path, name), found.variant), input=self.inputs, vars=self.variables)
        self._is_checked = True

    def _converted(self, network: Network) -> dict[str, Any]:
        """Return a network of another format as a specification."""
        try:
            text = network.convert("yaml")
        except ShapeError as error:
            raise UsageError(error.problems) from None
        file = os.path.basename(os.path.abspath(self.spec))
        name = f"{os.path.splitext(file)[0]}.yaml"
        self._kept = {"text": text, "name": name, "inputs": {}, "variables": {}}
        return self._kept
