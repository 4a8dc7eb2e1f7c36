"""The fields of a config.json that scale rotary positions: they change no count, but a slip in them is an error.

`rope_parameters` (transformers 5) or `rope_scaling` is an object with a type, or one such object for each type of
layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.errors import Problem
    from shapecalc.language.config_fields import Fields

__all__ = ["wrong_rotations"]

_OBJECTS = ("rope_parameters", "rope_scaling")
_TYPES = ("rope_type", "type")
_KNOWN = ("default", "linear", "dynamic", "yarn", "longrope", "su", "llama3", "proportional", "mrope")
"""The types of transformers 5.24 (`ROPE_INIT_FUNCTIONS`), and of files of the hub: su is longrope, mrope Qwen-VL's."""
_BASES = ("rope_theta", "rope_local_base_freq", "factor")


def wrong_rotations(config: Fields) -> Iterator[Problem]:
    """Yield the problem of every field of a config that scales positions and is not as transformers reads it."""
    yield from _wrong_numbers(config)
    for name in _OBJECTS:
        given = config.fields.get(name)
        if given is None:
            continue
        if not isinstance(given, dict):
            yield config.wrong(name, "an object of fields", 'such as {"rope_type": "linear", "factor": 2.0}')
            continue
        scaling = config.nested([name])
        yield from _wrong_scaling(scaling)
        for layers, own in given.items():
            if isinstance(own, dict):
                yield from _wrong_scaling(scaling.nested([layers]))


def _wrong_scaling(scaling: Fields) -> Iterator[Problem]:
    yield from _wrong_numbers(scaling)
    name = next((name for name in _TYPES if scaling.fields.get(name) is not None), "")
    given: Any = scaling.fields.get(name)
    if name and given not in _KNOWN:
        yield scaling.wrong(name, "a known type of rotation", did_you_mean(given, _KNOWN))


def _wrong_numbers(config: Fields) -> Iterator[Problem]:
    for name in _BASES:
        given = config.fields.get(name)
        if given is not None and not (type(given) in (int, float) and given > 0):
            yield config.wrong(name, "a number above 0")
