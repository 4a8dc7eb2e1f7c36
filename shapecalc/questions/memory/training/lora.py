"""Low-rank adaptation (LoRA): the weights are frozen, and beside chosen matrices two small ones are trained.

Hu et al. 2021 (arXiv:2106.09685); counts are those of the peft library. Beside a matrix of out×in elements stand A of
rank×in and B of out×rank. A target is the name, or its end, of a module of the library (where the names of a network
there are known), or else of a layer or one of its matrices here; or `all-linear`: all but the scores of words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.layers.base.layer import NOTHING, TRAINED, Layer
from shapecalc.questions.memory.implementation import with_rows
from shapecalc.questions.memory.training.loss import scores_of_words
from shapecalc.questions.memory.training.matrices import is_called, matrices_of, unused_modules
from shapecalc.text.given import read_names
from shapecalc.text.units import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shapecalc.dims import Dim
    from shapecalc.layers.base.layer import Projection, WeightShapes
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.training.matrices import Matrix

__all__ = ["ALL_LINEAR", "Lora", "lora_notes", "read_lora", "weights_added_to", "with_lora"]

ALL_LINEAR = "all-linear"
_HIGHEST = 10**6
_WORDS = {"rank": "rank", "r": "rank", "targets": "targets", "target_modules": "targets", "dropout": "dropout",
          "lora_dropout": "dropout"}  # fmt: skip
_HINT = "write for instance rank=16,targets=q_proj,v_proj or rank=16,targets=all-linear"


class Lora(NamedTuple):
    """The rank of the adapters, the matrices that have one, and the fraction of their inputs dropped in training."""

    rank: int
    targets: tuple[str, ...] = (ALL_LINEAR,)
    dropout: float = 0.0

    @property
    def text(self) -> str:
        """The option as it is written."""
        dropped = f",dropout={self.dropout:g}" if self.dropout else ""
        return f"rank={self.rank},targets={','.join(self.targets)}{dropped}"


def read_lora(given: Any) -> Lora | None:
    """Return adapters: of `rank=16,targets=q_proj,v_proj`, a mapping of that, or a rank. Errors: `UsageError`."""
    if given is None:
        return None
    words = _words(given)
    rank = words.get("rank", "")
    number = rank if type(rank) is int else read_whole(rank) if isinstance(rank, str) else None
    if number is None or not 1 <= number <= _HIGHEST:
        raise UsageError(Problem(f"the rank of LoRA is {rank!r}" if rank != "" else "LoRA has no rank", hint=_HINT))
    targets = tuple([name.strip() for name in read_names(words.get("targets", ALL_LINEAR), "targets") if name.strip()])
    if not targets:
        raise UsageError(Problem("LoRA has no targets", hint=_HINT))
    return Lora(number, targets, _fraction(words.get("dropout", 0)))


def _words(given: Any) -> dict[str, Any]:
    if type(given) is int:
        return {"rank": given}
    pairs = dict(given) if hasattr(given, "keys") else _parse(given) if isinstance(given, str) else None
    if pairs is None:
        raise UsageError(Problem(f"LoRA is {given!r}", hint=_HINT))
    for word in pairs:
        if word not in _WORDS:
            raise UsageError(Problem(f"LoRA has no {word}", hint=did_you_mean(str(word), _WORDS) or _HINT))
    return {_WORDS[word]: value for word, value in pairs.items()}


def _parse(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    word = "rank"
    for part in text.split(","):
        name, equals, value = part.partition("=")
        word, value = (name.strip(), value) if equals else (word, part)
        found[word] = [*found.get(word, []), value.strip()]
    return {word: values if _WORDS.get(word) == "targets" else ",".join(values) for word, values in found.items()}


def _fraction(given: Any) -> float:
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found < 1:
        raise UsageError(Problem(f"the dropout of LoRA is {given!r}", hint="give a fraction from 0 up to 1"))
    return found


def with_lora(report: Report, lora: Lora) -> Report:
    """Return the report of the network with adapters, all else frozen. Errors: `UsageError` for an unknown target."""
    matrices = matrices_of(report)
    _check_targets(report, lora, [matrix for own in matrices for matrix in own])
    rows = []
    chosen = _chosen(report, lora, matrices)
    _check_joined(lora, [matrix for own in chosen for matrix in own])
    for row, own in zip(report.rows, chosen, strict=True):
        adapters = {matrix.key: _adapter(matrix, lora) for matrix in own}
        rows.append(_adapted(row, lora, adapters) if own else row._replace(node=row.node._replace(frozen=True)))
    if all(row.node.frozen for row in rows):
        raise UsageError(Problem(f"{report.name or 'the network'} has no matrix that LoRA can adapt"))
    return with_rows(report, rows)


class Adapter(NamedTuple):
    """What stands beside a matrix: two of this rank; beside stacked ones (experts) each has its own."""

    matrix: Projection
    rank: int


def _adapter(matrix: Matrix, lora: Lora) -> Adapter:
    """Return the adapter of a matrix: with the names of those that are joined in it, of as many times the rank."""
    projection = matrix.projection
    if projection.count == 1 or projection.joins == 1:
        return Adapter(projection, lora.rank)
    own = [target for target in lora.targets if is_called([*matrix.names[:1], matrix.module], target)]
    return Adapter(projection, lora.rank if own else projection.joins * lora.rank)


def _check_joined(lora: Lora, matrices: list[Matrix]) -> None:
    """Check that of matrices which experts have as one all are targets, and none with dropout. Errors: `UsageError`."""
    for matrix in matrices:
        projection = matrix.projection
        if projection.count == 1:
            continue
        if lora.dropout:
            hint = "leave the dropout out, or the experts"
            raise UsageError(Problem("adapters beside experts have no dropout: they change the weights", hint=hint))
        named = {name.rpartition(".")[2]: name for name in matrix.names[1:]}
        pairs = [list(named)[at : at + projection.joins] for at in range(0, len(named), projection.joins)]
        for pair in pairs if projection.joins > 1 else []:
            missing = [name for name in pair if not any(is_called([named[name]], target) for target in lora.targets)]
            if 0 < len(missing) < len(pair) and ALL_LINEAR not in lora.targets:
                message = f"{' and '.join(pair)} are one tensor in experts, so LoRA adapts both or neither"
                raise UsageError(Problem(message, hint=f"add {missing[0]} to the targets, or use {matrix.key}"))


def lora_notes(report: Report, lora: Lora) -> Iterator[str]:
    """Yield where peft may count other adapters: beside experts, what another library has apart, and what is unused."""
    matrices = matrices_of(report)
    chosen = _chosen(report, lora, matrices)
    unused = next((module for module in unused_modules(report) if _is_unused_target(lora, module, matrices)), "")
    if unused:
        ways = "".join([f": {way}" for way in _ways_to_use(report)])
        yield f"LoRA: modules that are stored and not used ({unused}) have no adapters here, but in peft{ways}"
    if ALL_LINEAR in lora.targets and any(matrix.projection.count != 1 for own in chosen for matrix in own):
        yield (
            "LoRA: all-linear adapts experts and routers here; peft 0.21 does so for Mixtral, Qwen3-MoE and DeepSeek "
            "(there without the shared experts and the dense layers), not for Qwen2-MoE"
        )
    for own in chosen:
        for matrix in own:
            if matrix.projection.joins > 1 and matrix.projection.count == 1 and not matrix.module:
                what = f"{matrix.names[0]} is one matrix here, with one adapter"
                yield f"LoRA: {what}; where a library has it as {matrix.projection.joins}, each has its own"
                return


def _ways_to_use(report: Report) -> Iterator[str]:
    """Yield how the network has a further input, with which unused modules are used."""
    for switch, name in report.graph.switches.items():
        yield f"with the input {name} they are used, --set {switch}=true"


def _is_unused_target(lora: Lora, module: str, matrices: list[list[Matrix]]) -> bool:
    """Return whether an unused module is a target: of `all-linear` if used ones have its name, so that it is linear."""
    linear = {
        matrix.module.rpartition(".")[2] for own in matrices for matrix in own if matrix.module and matrix.is_linear
    }
    named = any(is_called([module], target) for target in lora.targets)
    return named or (ALL_LINEAR in lora.targets and module.rpartition(".")[2] in linear)


def _chosen(report: Report, lora: Lora, matrices: list[list[Matrix]]) -> list[list[Matrix]]:
    """Return the matrices of every layer that have adapters; a target that the library knows is meant as there."""
    words = scores_of_words(report)  # scores of classes are adapted, unless peft is told that the task is SEQ_CLS
    modules = {matrix.module for own in matrices for matrix in own if matrix.module}
    there = [target for target in lora.targets if is_called(modules, target)]
    here = [target for target in lora.targets if target not in there]

    def has_one(index: int, matrix: Matrix) -> bool:
        if ALL_LINEAR in lora.targets and index not in words and matrix.is_linear:
            return True
        in_library = any(is_called([matrix.module], target) for target in there)
        return in_library or any(is_called(matrix.names, target) for target in here)

    return [[matrix for matrix in own if has_one(index, matrix)] for index, own in enumerate(matrices)]


def _check_targets(report: Report, lora: Lora, matrices: list[Matrix]) -> None:
    """Check that every target is one in the library or here; errors have the names of the library, if there are any."""
    for target in lora.targets:
        if target != ALL_LINEAR and not any(is_called([*own.names, own.module], target) for own in matrices):
            names = [own.module for own in matrices if own.module] or [name for own in matrices for name in own.names]
            known = sorted({name.rpartition(".")[2] for name in names})
            if any(is_called([module], target) for module in unused_modules(report)):
                message = f"modules of the target {target} are stored in the network, and not used"
                raise UsageError(Problem(message, hint=next(_ways_to_use(report), "")))
            hint = did_you_mean(target, [*known, ALL_LINEAR]) or f"matrices are called {', '.join(known[:20])}"
            raise UsageError(Problem(f"LoRA has no target {target} in the network", hint=hint))


def _adapted(row: Row, lora: Lora, adapters: Mapping[str, Adapter]) -> Row:
    """Return a layer with adapters beside some of its matrices."""
    layer = row.node.layer
    assert layer is not None
    adapted: Any = object.__new__(_kind_with_adapters(type(layer)))
    own = frozenset(row.sizing.weight_shapes)
    adapted.__dict__.update({**layer.__dict__, "adapters": adapters, "lora": lora, "untrained": own})
    shapes = adapted.weights(*row.sizing.inputs)
    added = sum(prod(sizes) for name, sizes in shapes.items() if name not in own)
    sizing = row.sizing._replace(weight_shapes=shapes)
    node = row.node._replace(layer=adapted, frozen=False)
    return row._replace(node=node, sizing=sizing, weights=added, biases=0)


class _WithAdapters(Layer):
    """What a layer with adapters has in place of its own kind's."""

    adapters: Mapping[str, Adapter]
    lora: Lora

    def weights(self, *inputs: Any) -> WeightShapes:
        added: WeightShapes = {}
        for name, (matrix, rank) in self.adapters.items():
            before = f"{name}." if name else ""
            added[f"{before}lora_A"] = (rank * matrix.count, matrix.in_features)
            added[f"{before}lora_B"] = (matrix.out_features, rank * matrix.count)
        return {**super().weights(*inputs), **added}

    def saved(self, *inputs: Any) -> str:
        reads = any(matrix.input >= 0 for matrix, _ in self.adapters.values()) and not self.lora.dropout
        saved = super().saved(*inputs)
        return NOTHING if saved == TRAINED and not reads else saved

    def kept_for_weights(self, *_: Any) -> list[tuple[Dim, int]]:
        """Return the output of every A, and its input inside; with dropout its input once more and the mask.

        Of experts it is the input alone: what adapters add is added to their weights.
        """
        kept: list[tuple[Dim, int]] = []
        for matrix, rank in self.adapters.values():
            if matrix.count == 1:
                kept.append((matrix.positions * rank, 0))
            if matrix.input < 0 and not matrix.is_kept:
                kept.append((matrix.positions * matrix.in_features, 0))
            if self.lora.dropout:
                kept += [(matrix.positions * matrix.in_features, bits) for bits in (0, 8)]
        return kept

    def added_to(self) -> Iterator[str]:
        """Yield the names of the weights that adapters are added to, which makes a copy of them: those of experts."""
        for name, (matrix, _) in self.adapters.items():
            if matrix.count != 1:
                yield name


def weights_added_to(row: Row) -> Iterable[str]:
    """Return the names of the weights of a layer that are copied with what adapters add."""
    return row.node.layer.added_to() if isinstance(row.node.layer, _WithAdapters) else ()


_kinds: dict[type[Layer], type[Layer]] = {}


def _kind_with_adapters(kind: type[Layer]) -> type[Layer]:
    """Return the class of layers of a kind with adapters; one for each kind."""
    if kind not in _kinds:
        own = type(f"{kind.__name__}WithAdapters", (_WithAdapters, kind), {"__module__": __name__})
        _kinds.setdefault(kind, own)
    return _kinds[kind]
