"""The compilation of a document to a graph: variables, inputs, layers and outputs get their values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, Problems, UsageError, did_you_mean
from shapecalc.language.builder import GraphBuilder
from shapecalc.language.contexts import read_context
from shapecalc.language.expectations import read_expectations
from shapecalc.language.inputs import (
    input_shape,
    missing_input,
    notes_on_products,
    product_note,
    switches_of,
    unnamed_inputs,  # fmt: skip
)
from shapecalc.language.order import Settled, settle
from shapecalc.language.reports import TooMuchError
from shapecalc.language.scope import Scope, declared_names, read_name, read_reference, reference_text
from shapecalc.language.turns import turns_of
from shapecalc.language.unused import unused_names
from shapecalc.language.values import BadValueError, bad, condition, describe, named_pairs, plain, word
from shapecalc.layers.base.shape import CHW, LAYOUTS, UNKNOWN, Shape
from shapecalc.layers.base.sizes import Sizes
from shapecalc.model.graph import Expectation, Graph, Reference
from shapecalc.source import ListValue, MapValue, Scalar, short, shown_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shapecalc.errors import Mark
    from shapecalc.language.document import Document
    from shapecalc.language.scope import Flow
    from shapecalc.source import Value

__all__ = ["Compilation"]

_INPUT = Sizes("the size of an input", scalar=True)
_INPUT.name = "an input size"


class Compilation:
    """A document as it becomes a graph, with its problems: those of the reading of it, and its own.

    Where variables or blocks are wrong, its layers are left out, or `in_part` only those that use them.
    """

    def __init__(
        self,
        file: str,
        document: Document,
        problems: Iterable[Problem],
        variables: Mapping[str, Any],
        inputs: Mapping[str, tuple[Any, ...]],
        variant: str,
        *,
        in_part: bool = False,
    ) -> None:
        self.file = file
        self.document = document
        self.problems = Problems(problems)
        self.variant = document.variants[variant].keys if variant else {}
        self.variant_name = variant
        self.variables = self._variables(variables, in_part=in_part)
        self.overridden = bool(variables) or bool(inputs)
        self.layout = self._layout()
        self.input_marks: dict[str, Mark] = {}
        self.warnings: tuple[Problem, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.switches: dict[str, str] = {}
        self.given = frozenset(inputs)
        self.inputs = self._inputs(inputs)
        self.context = self._try(read_context, document, self.variant, file)

    def graph(self) -> tuple[Graph, list[Problem]]:
        """Return the graph and all problems."""
        builder = GraphBuilder(self.document.blocks, self.variables)
        builder.problems += self.problems
        stopped: list[Problem] = []
        try:
            settled, names = self._settled(builder)
        except TooMuchError as error:
            settled, names = Settled((), (), ()), ()
            stopped = [error.problem]
            builder.instances.clear()
        graph = Graph(
            name=self.document.text("name", self.variant_name) or self.variant_name or _stem(self.file),
            inputs=self.inputs,
            nodes=settled.nodes,
            outputs=settled.outputs,
            output_names=names if len(names) == len(settled.outputs) else (),
            layout=self.layout,
            source=self.document.text("source", self.variant_name),
            blocks=tuple(builder.instances),
            expectations=self._expectations(builder.problems),
            notes=(*settled.notes, *notes_on_products(self.notes, settled.nodes)),
            variables=self.variables,
            file=self.file,
            steps=builder.steps,
            warnings=self.warnings,
            stated_context=self.context,
            switches=self.switches,
            input_marks={} if "" in self.given else {n: m for n, m in self.input_marks.items() if n not in self.given},
        )
        return graph, [*builder.problems.listed(), *stopped]

    def _settled(self, builder: GraphBuilder) -> tuple[Settled, tuple[str, ...]]:
        """Return the nodes and outputs, and the names under which the outputs are stated."""
        layers = self._layers(builder.problems)
        flows: dict[str, Flow] = {name: Reference(-1 - index) for index, name in enumerate(self.inputs)}
        scope = Scope("", flows, declared_names(layers.items) if layers else set())
        first: Flow = Reference(-1)
        try:
            last = builder.expand(layers.items, scope, self.variables, (first,)) if layers else (first,)
            try:
                ends, names = self._outputs(scope, last)
            except BadValueError as error:
                builder.problems.append(error.problem)
                ends, names = (), ("",)
            self.warnings = tuple(unused_names(self.document, builder.problems).listed())
            return settle(builder, ends, stated=bool(names), inputs=self.input_marks), names
        finally:
            scope.release()

    def _try(self, read: Any, *arguments: Any) -> Any:
        """Return the result of a reader; None if it fails, with its problem recorded."""
        try:
            return read(*arguments)
        except BadValueError as error:
            self.problems.append(error.problem)
            return None

    def _variables(self, given: Mapping[str, Any], *, in_part: bool) -> dict[str, Any]:
        own = dict(self.document.variables)
        settings = self.variant.get("vars")
        variant_values: dict[str, Value] = {}
        if isinstance(settings, MapValue):
            for key, item in settings.pairs:
                if key.text in own:
                    variant_values[key.text] = item
                else:
                    hint = did_you_mean(key.text, own) if own else ""
                    self.problems.append(Problem(f"there is no variable {key.text} to set", key.mark, hint=hint))
        for name in given:
            if name not in own:
                hint = did_you_mean(name, own) if own else "the specification has no `vars:`"
                raise UsageError(Problem(f"there is no variable {name} to set", hint=hint))
        before = len(self.problems)
        found: dict[str, Any] = {}
        wrong = set()
        for name, item in own.items():
            so_far = len(self.problems)
            if name in given:
                found[name] = given[name]
            else:
                found[name] = self._try(_variable, variant_values.get(name, item), found, own)
            if len(self.problems) > so_far:
                wrong.add(name)
        self._check_choices(found, given, {**own, **variant_values})
        self.broken = len(self.problems) > before or self.document.incomplete  # then the layers are not checked
        if in_part:  # a layer that uses what is wrong is wrong itself, and the others are not
            self.broken = False
            return {name: value for name, value in found.items() if name not in wrong}
        return found

    def _check_choices(self, found: Mapping[str, Any], given: Mapping[str, Any], written: Mapping[str, Value]) -> None:
        """Check that variables have one of the values that the specification lists for them."""
        for key, item in named_pairs(self.document.keys.get("choices"), "choices", self.problems):
            known = self._try(plain, item, {})
            if key.text not in written:
                near = did_you_mean(key.text, written)
                self.problems.append(Problem(f"there is no variable {key.text} to choose for", key.mark, hint=near))
            elif not isinstance(known, list):
                hint = f"write {key.text}: [{short(item.text) if isinstance(item, Scalar) else '…'}]"
                self.problems.append(Problem(f"the choices of {key.text} are a list of values", item.mark, hint=hint))
            elif found[key.text] is not None and found[key.text] not in known:
                value, words = shown_value(found[key.text]), [shown_value(item) for item in known]
                message = f"{key.text} must be one of {', '.join(words)}, not {value}"
                near = did_you_mean(value, words, lists=False)
                if key.text in given:
                    raise UsageError(Problem(message, hint=near))
                self.problems.append(Problem(message, written[key.text].mark, hint=near))

    def _layout(self) -> str:
        value = self.document.keys.get("layout")
        if value is None:
            return CHW
        text = self._try(word, value, "layout")
        if text is not None and text.upper() not in LAYOUTS:
            self.problems.append(
                Problem(
                    f"layout must be CHW or HWC, not '{text}'", value.mark, hint=did_you_mean(text.upper(), LAYOUTS)
                )
            )
        return text.upper() if text is not None and text.upper() in LAYOUTS else CHW

    def _inputs(self, given: Mapping[str, tuple[Any, ...]]) -> dict[str, Shape]:
        """Return the size of every input; `UNKNOWN` for a wrong one."""
        own = self._own_inputs(is_given=bool(given))
        self.notes = tuple([note for item in own.values() if not given and (note := product_note(item, self.layout))])
        shapes: dict[str, Shape] = {
            name: self._try(input_shape, item, self.layout, self.variables, _INPUT) or UNKNOWN
            for name, item in own.items()
        }
        declared = list(shapes)
        for name, sizes in given.items():
            if name and name not in declared and declared:
                raise UsageError(Problem(f"there is no input {name}", hint=did_you_mean(name, declared)))
            if not name and len(shapes) > 1:
                first = next(iter(shapes))
                names = ", ".join(shapes)
                size_text = "x".join(map(str, sizes))
                raise UsageError(
                    Problem(
                        f"name the input that is {size_text}: {names}",
                        hint=f'write {first}={size_text} (in Python {{"{first}": "{size_text}"}})',
                    )
                )
            if name and not declared:
                self.input_marks[name] = self.document.mark
            shapes[name or next(iter(shapes), "input")] = Shape(sizes, self.layout != CHW, is_map=len(sizes) >= 3)
        return shapes or {"input": UNKNOWN}

    def _own_inputs(self, *, is_given: bool) -> dict[str, Value]:
        """Return the written sizes of the inputs; none is a problem, unless one `is_given`."""
        inputs = self.document.keys.get("inputs")
        single = self.variant.get("input") or self.document.keys.get("input")
        if isinstance(inputs, MapValue):
            named = {self._try(read_name, key, {}): (key.mark, item) for key, item in inputs.pairs}
            known = {name: (mark, own) for name, (mark, item) in named.items() if name and (own := self._size_of(item))}
            if named and not known:
                self.problems.append(Problem("no input is left: every `when` is false", inputs.mark))
            self.input_marks = {name: mark for name, (mark, _) in known.items()}
            left_out = {name: item for name, (_, item) in named.items() if name and name not in known}
            self.switches = switches_of(left_out, self.document.keys.get("vars"))
            return {name: own for name, (_, own) in known.items()}
        if inputs is not None:
            unnamed, problem = unnamed_inputs(inputs)
            self.problems.append(problem)
            return unnamed
        if single is not None:
            self.input_marks = {"input": single.mark}
            return {"input": single}
        if "layers" in self.document.keys and not is_given:
            is_list = self.document.keys["layers"].mark == self.document.mark  # the text is only a list
            self.problems.append(missing_input(self.document.mark, self.layout, is_list=is_list))
        return {}

    def _size_of(self, item: Value) -> Value | None:
        """Return the size of an input: itself, or under `size` beside a condition; None if that is false."""
        if not isinstance(item, MapValue) or item.get("when") is None:
            return item
        wrong = next((key for key, _ in item.pairs if key.text not in ("size", "when")), None)
        size = item.get("size")
        if wrong or size is None:
            mark, hint = wrong.mark if wrong else item.mark, "write {size: 3x224x224, when: images}"
            self.problems.append(Problem("an input with `when` has a `size`, and nothing else", mark, hint=hint))
            return size
        is_on = self._try(condition, item.get("when"), self.variables, "`when`") if not self.broken else True
        return None if is_on is False else size

    def _layers(self, problems: Problems) -> ListValue | None:
        layers = self.document.keys.get("layers")
        if layers is None:
            if not problems:
                problems.append(
                    Problem(
                        "a specification needs `layers:`", self.document.mark, hint="give a list of layers, in order"
                    )
                )
            return None
        if not isinstance(layers, ListValue) or not layers.items:
            empty = isinstance(layers, ListValue) or (isinstance(layers, Scalar) and layers.value is None)
            message = "`layers:` is empty" if empty else f"`layers:` must be a list, not {describe(layers)}"
            hint = "write each layer after a dash: - relu"
            if isinstance(layers, Scalar):
                from shapecalc.language.files import hint_for_network  # only when something is wrong

                comment = "a comment begins with #: write `#` in place of `//`"
                hint = comment if layers.text.startswith("//") else hint_for_network(layers.text) or hint
            problems.append(Problem(message, layers.mark, hint=hint))
            return None
        return layers if not self.broken else None

    def _outputs(self, scope: Scope, last: tuple[Flow, ...]) -> tuple[tuple[Flow, ...], tuple[str, ...]]:
        """Return the outputs, and their stated names, if any."""
        value = self.document.keys.get("outputs") or self.document.keys.get("output")
        if value is None or (isinstance(value, Scalar) and value.value is None):
            return last, ()
        if isinstance(value, MapValue):
            raise bad(
                f"outputs is a list of layers, not {describe(value)}",
                value.mark,
                "write for instance outputs: [fc, aux]",
            )
        if isinstance(value, Scalar) and not value.quoted and re.fullmatch(r"(?a:\d+([x×]\d+)*)", value.text):
            hint = f"write expect: {{output: {short(value.text)}}} to check the size of the output"
            raise bad(f"outputs are names of layers, not a size: {short(value.text)}", value.mark, hint)
        items = value.items if isinstance(value, ListValue) else [value]
        stated = [pair for item in items for pair in _references(item, self.variables)]
        stated = [(item, variables) for item, variables in stated if not _is_switched_off(item, scope)]
        flows = tuple(read_reference(item, scope, variables) for item, variables in stated)
        return (flows, tuple(reference_text(item, variables) for item, variables in stated)) if flows else (last, ())

    def _expectations(self, problems: Problems) -> tuple[Expectation, ...]:
        value = self.variant.get("expect") or (None if self.variant_name else self.document.keys.get("expect"))
        if value is None:
            return ()
        expectations, wrong = read_expectations(value)
        problems += wrong
        return () if self.overridden else expectations


def _variable(value: Value, above: Mapping[str, Any], every: Mapping[str, Value]) -> Any:
    """Return the value of a variable, which may use those above it."""
    try:
        return plain(value, above)
    except BadValueError as error:
        if any(error.problem.message == f"`{name}` is not a variable" for name in every):
            hint = "a variable may use only those above it"
            raise BadValueError(error.problem._replace(hint=hint)) from None
        raise


def _references(item: Value, variables: Mapping[str, Any]) -> list[tuple[Value, Mapping[str, Any]]]:
    """Return the references of an output with the variables of each: several if it has a `for`, as in a merge."""
    if not isinstance(item, MapValue) or {*item.keys()} != {"for", "from"}:
        return [(item, variables)]
    own = dict(zip(item.keys(), (value for _, value in item.pairs), strict=True))
    return [(own["from"], turn) for turn in turns_of({"for": own["for"]}, variables, 0)]


def _is_switched_off(item: Value, scope: Scope) -> bool:
    """Return whether an output names a layer that its `when` leaves out: an auxiliary head that is switched off."""
    span = scope.spans.get(item.text) if isinstance(item, Scalar) else None
    return span is not None and span[0] == span[1]


def _stem(file: str) -> str:
    """Return a file's name without folder and suffix, as the name of an unnamed network."""
    stem = file.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or file
    return "" if stem.startswith("<") else stem
