"""A net as its file has it: layers of all three dialects, in their order, and which of them belong to a phase."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError, Problem, SpecError, count_noun, did_you_mean
from shapecalc.importers.caffe.fields import FIELDS, LAYER, NET, SOLVER, type_key
from shapecalc.importers.caffe.text import MESSAGE, NUMBER, TEXT, WORD, Message
from shapecalc.importers.understanding import few_warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.errors import Problems
    from shapecalc.importers.caffe.text import FieldValue, ProtoText

__all__ = ["PHASES", "BadFieldError", "CaffeLayer", "Net", "Params", "State", "read_net"]

PHASES = ("TRAIN", "TEST")
_LARGEST = 2**31 - 1
_V0_NAMES = {"kernelsize": "kernel_size", "biasterm": "bias_term", "batchsize": "batch_size", "cropsize": "crop_size",
             "meanfile": "mean_file"}  # fmt: skip
_V0_TYPES = {"conv": "Convolution", "pool": "Pooling", "images": "ImageData"}
_TRUE, _FALSE = ("true", "True", "t", "1"), ("false", "False", "f", "0")


class BadFieldError(LayerError):
    """A field whose value is none of its sort; `entry` is the value."""

    def __init__(self, message: str, entry: FieldValue, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.entry = entry


class Params:
    """The fields of a message, read as numbers, flags and words; all absent where there is no message.

    Errors of its methods: `BadFieldError`.
    """

    def __init__(self, message: Message | None) -> None:
        self.message = message or Message()

    def __contains__(self, name: str) -> bool:
        return name in self.message.fields

    def _entries(self, name: str) -> list[FieldValue]:
        return self.message.fields.get(name, [])

    def integers(self, name: str, least: int = -_LARGEST) -> list[int]:
        """Return all values of a field of whole numbers."""
        return [_integer(name, entry, least) for entry in self._entries(name)]

    def integer(self, name: str, default: int, least: int = -_LARGEST) -> int:
        """Return a whole number."""
        found = self._entries(name)
        return _integer(name, found[-1], least) if found else default

    def numbers(self, name: str) -> list[float]:
        """Return all values of a field of numbers."""
        return [_real(name, entry) for entry in self._entries(name)]

    def number(self, name: str, default: float) -> float:
        """Return a number: a whole one as an int."""
        found = self._entries(name)
        return _real(name, found[-1]) if found else default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return whether a field is true."""
        found = self._entries(name)
        if not found:
            return default
        if found[-1].sort in (WORD, NUMBER) and found[-1].text in (*_TRUE, *_FALSE):
            return found[-1].text in _TRUE
        raise BadFieldError(f"{name} must be true or false, not {_shown(found[-1])}", found[-1])

    def choice(self, name: str, words: Sequence[str], default: str, first: int = 0) -> str:
        """Return one of several words, which are numbered from `first` on."""
        found = self._entries(name)
        if not found:
            return default
        entry = found[-1]
        if entry.sort == WORD and entry.text in words:
            return entry.text
        if entry.sort == NUMBER and entry.text.isdigit() and first <= int(entry.text) < first + len(words):
            return words[int(entry.text) - first]
        raise BadFieldError(f"{name} must be one of {', '.join(words)}, not {_shown(entry)}", entry)

    def text(self, name: str) -> str:
        """Return a text; empty where there is none."""
        found = self._entries(name)
        if found and found[-1].sort not in (TEXT, WORD):
            raise BadFieldError(f"{name} must be a text in quotes, not {_shown(found[-1])}", found[-1])
        return found[-1].text if found else ""

    def shapes(self, name: str = "shape") -> list[tuple[int, ...]]:
        """Return all sizes of a field of them: `shape { dim: 1 dim: 3 }`."""
        return [tuple(Params(message).integers("dim")) for message in self.message.messages(name)]

    def inner(self, name: str) -> Params:
        """Return the fields of a message in it."""
        entry = self.message.last(name)
        if entry is not None and entry.message is None:
            raise BadFieldError(f"{name} must be a message in braces, not {_shown(entry)}", entry)
        return Params(entry.message if entry else None)


def _shown(entry: FieldValue) -> str:
    return "a message" if entry.sort == MESSAGE else f'"{entry.text}"' if entry.sort == TEXT else entry.text


def _integer(name: str, entry: FieldValue, least: int) -> int:
    text = entry.text
    digits = text.lstrip("-")
    if entry.sort == NUMBER and len(digits) < 24:
        base = 16 if digits[:2].lower() == "0x" else 8 if digits[:1] == "0" and len(digits) > 1 else 10
        try:
            number = int(text, base)
        except ValueError:
            pass
        else:
            if least <= number <= _LARGEST:
                return number
            bound = f"at least {least}" if number < least else f"at most {_LARGEST:,}"
            raise BadFieldError(f"{name} must be {bound}, not {text}", entry)
    raise BadFieldError(f"{name} must be a whole number, not {_shown(entry)[:40]}", entry)


def _real(name: str, entry: FieldValue) -> float:
    text = entry.text.rstrip("fF") if entry.text[:2].lower() != "0x" else entry.text
    try:
        if entry.sort == NUMBER and text:
            number = float(text) if text[:2].lower() != "0x" else int(text, 16)
            return int(number) if float(number).is_integer() and abs(number) < _LARGEST else number
    except ValueError:
        pass
    raise BadFieldError(f"{name} must be a number, not {_shown(entry)[:40]}", entry)


class State(NamedTuple):
    """The state of a net, by which rules choose its layers: TRAIN or TEST, a level, stages."""

    phase: str = "TEST"
    level: int = 0
    stages: frozenset[str] = frozenset()

    def meets(self, rule: Params) -> bool:
        """Return whether this meets a rule."""
        stages = {entry.text for entry in rule.message.all("stage")}
        banned = {entry.text for entry in rule.message.all("not_stage")}
        return (
            ("phase" not in rule or rule.choice("phase", PHASES, "TEST") == self.phase)
            and rule.integer("min_level", self.level) <= self.level <= rule.integer("max_level", self.level)
            and stages <= self.stages
            and not banned & self.stages
        )


class CaffeLayer:
    """A layer: its name and type, the names of its inputs (bottoms) and outputs (tops), its arguments.

    Layers of the oldest dialect have their arguments beside their type; `is_old` is whether it is a `layers`. `key` is
    the type as a word of lower case.
    Errors: `BadFieldError`.
    """

    def __init__(self, message: Message, *, is_old: bool = False) -> None:
        oldest = message.messages("layer")
        self.own = oldest[-1] if oldest else message
        self.is_oldest = bool(oldest)
        self.is_old = is_old
        if self.is_oldest:
            self.own.fields = {_V0_NAMES.get(name, name): found for name, found in self.own.fields.items()}
        self.message = message
        params = Params(self.own)
        self.type = _V0_TYPES.get(written := params.text("type"), written)
        self.key = type_key(self.type)
        self.name = params.text("name") or self.type
        self.bottoms = [entry.text for entry in message.all("bottom")]
        self.tops = [entry.text for entry in message.all("top")]
        kind = self.own.last("type")
        self.location = (kind.at, kind.length) if kind else (message.at, message.length)
        """Where its type is in the file, and how long that is."""

    def param(self, name: str) -> Params:
        """Return the arguments under a name."""
        return Params(self.own) if self.is_oldest else Params(self.own).inner(name)

    def is_in(self, state: State) -> bool:
        """Return whether the layer belongs to a net in this state: it meets one rule to include, none to exclude."""
        include, exclude = self.message.messages("include"), self.message.messages("exclude")
        if include:
            return any(state.meets(Params(rule)) for rule in include)
        return not any(state.meets(Params(rule)) for rule in exclude)

    def shared_names(self) -> list[str]:
        """Return the names of its parameters, by which layers share them; empty ones for those without."""
        if "blobs_lr" in self.own.fields or any(entry.sort == TEXT for entry in self.own.all("param")):
            return [entry.text for entry in self.own.all("param")]
        return [Params(param).text("name") for param in self.own.messages("param")]

    @property
    def is_frozen(self) -> bool:
        """Whether all its learning rates are 0."""
        rates = Params(self.own).numbers("blobs_lr")
        rates += [Params(param).number("lr_mult", 1) for param in self.own.messages("param")]
        return bool(rates) and not any(rates)


class Net(NamedTuple):
    """A net: its name, its file, its own inputs and their sizes with the batch, all its layers, and its state.

    `warnings` are fields that no message has.
    """

    name: str
    file: ProtoText
    inputs: list[tuple[str, tuple[int, ...] | None]]
    layers: list[CaffeLayer]
    state: State
    warnings: Problems


def read_net(file: ProtoText, whole: Message) -> Net:
    """Return the net of a message. Errors: `SpecError` with all that is wrong with it as a whole."""
    problems: list[Problem] = []
    top = Params(whole)
    name, layers, inputs, state = "", [], [], State()
    news, olds = whole.all("layer"), whole.all("layers")
    for entry, is_old in sorted([*((x, False) for x in news), *((x, True) for x in olds)], key=lambda pair: pair[0].at):
        try:
            layer = CaffeLayer(_message(entry), is_old=is_old)
        except BadFieldError as error:
            problems.append(Problem(error.message, file.mark(error.entry.at, error.entry.length)))
            continue
        layers.append(layer)
        if not layer.type:
            called = f" {layer.name}" if layer.name else ""
            mark = file.mark(entry.at, entry.length)
            problems.append(Problem(f"the layer{called} has no type", mark, hint='write for instance type: "ReLU"'))
    try:
        name, inputs, state = top.text("name"), _inputs(top), _state(top.inner("state"))
    except BadFieldError as error:
        problems.append(Problem(error.message, file.mark(error.entry.at, error.entry.length), hint=error.hint))
    if problems:
        raise SpecError(problems)
    if not layers:
        raise SpecError(_no_net(file, whole))
    warnings = few_warnings()
    if news and olds:
        message = "the file has both layer { } and layers { }: Caffe ignores those of layer"
        mark = file.mark(news[0].at, news[0].length)
        warnings.append(Problem(message, mark, hint="write all layers of one kind"))
    warnings += _unknown_fields(file, whole, layers)
    return Net(name, file, inputs, layers, state, warnings)


def _message(entry: FieldValue) -> Message:
    if entry.message is None:
        raise BadFieldError(f"a layer must be a message in braces, not {_shown(entry)}", entry)
    return entry.message


def _no_net(file: ProtoText, whole: Message) -> Problem:
    """Return the problem of a file without layers: a solver names the file that has them."""
    name = file.source.name
    if SOLVER & whole.fields.keys():
        nets = [entry.text for key in ("net", "train_net", "test_net") for entry in whole.all(key)]
        named = f": it names {nets[0]}" if nets else ""
        return Problem(
            f"{name} is a solver of Caffe, not a net{named}", hint="give the file of the net" if nets else ""
        )
    hint = "a net has layers: layer { … }; check that the file is whole"
    return Problem(f"{name} cannot be read as a Caffe net: it has no layer", hint=hint)


def _inputs(top: Params) -> list[tuple[str, tuple[int, ...] | None]]:
    """Return the inputs that stand outside of layers: four `input_dim` for each, or a shape."""
    names = [entry.text for entry in top.message.all("input")]
    dims, shapes = top.integers("input_dim"), top.shapes("input_shape")
    found: list[tuple[str, tuple[int, ...] | None]] = []
    if dims and not shapes and len(dims) != 4 * len(names):
        count = f"{len(dims)} values of input_dim for {count_noun(len(names), 'input')}"
        hint = "each input has four: batch, channels, height, width; write input_shape { dim: … } for others"
        raise BadFieldError(f"there are {count}", top.message.fields["input_dim"][-1], hint)
    for number, name in enumerate(names):
        four = tuple(dims[4 * number : 4 * number + 4])
        shape = shapes[number] if number < len(shapes) else four if len(four) == 4 else None
        found.append((name, shape))
    return found


def _state(state: Params) -> State:
    stages = frozenset(entry.text for entry in state.message.all("stage"))
    return State(state.choice("phase", PHASES, "TEST"), state.integer("level", 0), stages)


def _unknown_fields(file: ProtoText, whole: Message, layers: list[CaffeLayer]) -> Problems:
    """Return a warning for each field that no message has, at its first location: Caffe refuses the file."""
    seen: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], tuple[FieldValue, Any]] = {}

    def note(message: Message, where: str, known: frozenset[str]) -> None:
        for name in message.fields.keys() - known:
            entries = message.fields[name]
            if where == "a layer" and name.endswith("_param"):
                continue
            seen[where, name] += 1
            first.setdefault((where, name), (entries[0], known))

    note(whole, "a net", NET)
    for layer in layers:
        note(layer.message, "a layer", LAYER)
        for name in FIELDS.keys() & layer.message.fields.keys():
            for message in layer.message.messages(name):
                note(message, name, FIELDS[name])
    found = few_warnings()
    every = sorted(first.items(), key=lambda pair: pair[1][0].at)
    found.unlisted = max(len(every) - found.most, 0)
    for (where, name), (entry, known) in every[: found.most]:
        times = seen[where, name]
        copies = f" (in {count_noun(times, 'layer')})" if times > 1 else ""
        text = f"{where} has no field {name}{copies}: it is ignored, and Caffe refuses the file"
        near = did_you_mean(name, sorted(known), lists=False)
        at = file.text.rfind(name, 0, entry.at + len(name))
        found.append(Problem(text, file.mark(at, len(name)), hint=near))
    return found
