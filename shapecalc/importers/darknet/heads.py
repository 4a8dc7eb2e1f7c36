"""Sections at the end of a network: detectors and losses; and those on each element, or on a list of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.importers.darknet.calls import section
from shapecalc.importers.darknet.cfg import OptionError

if TYPE_CHECKING:
    from shapecalc.importers.darknet.calls import SectionCall, SectionOutput
    from shapecalc.importers.darknet.cfg import Option

__all__: list[str] = []

_OF_YOLO = """max max_delta counters_per_class label_smooth_eps scale_x_y objectness_smooth new_coords iou_normalizer
obj_normalizer cls_normalizer delta_normalizer uc_normalizer iou_loss iou_thresh_kind beta_nms nms_kind yolo_point
jitter resize focal_loss ignore_thresh truth_thresh iou_thresh random track_history_size sim_thresh dets_for_track
dets_for_show track_ciou_norm embedding_layer map anchors show_details num mask"""
_OF_REGION = """log sqrt softmax focal_loss jitter resize rescore thresh classfix absolute random coord_scale
object_scale noobject_scale mask_scale class_scale bias_match tree map anchors max background"""


@section("yolo", ignored=_OF_YOLO, is_head=True)
def _yolo(call: SectionCall) -> SectionOutput:
    return _checked(call, 5)


@section("Gaussian_yolo", ignored=_OF_YOLO, is_head=True)
def _gaussian_yolo(call: SectionCall) -> SectionOutput:
    return _checked(call, 9)


def _checked(call: SectionCall, others: int) -> SectionOutput:
    """Return the output of a detector of YOLOv3: for each of its boxes the classes, and so many other channels."""
    mask = call.option("mask")
    boxes = len(mask.numbers()) if mask else call.number("num", 1, 1)
    _check_mask(call, mask)
    named = f"mask={mask.text[:40]}" if mask else f"num={boxes}"
    return _head(call, boxes, others, 20, named)


def _check_mask(call: SectionCall, mask: Option | None) -> None:
    """Check that the boxes of a mask are some of those that there are. Errors: `OptionError`."""
    if call.option("num") is None:
        return
    num, anchors = call.number("num", 1, 1), call.option("anchors")
    beyond = [number for number in mask.numbers() if not 0 <= number < num] if mask else []
    if mask and beyond:
        hint = f"boxes are counted from 0: write num={max(beyond) + 1}" if max(beyond) >= num else ""
        raise OptionError(f"mask: {beyond[0]} is not one of its num={num} boxes", mask.mark, hint=hint)
    pairs = (anchors.text.partition("#")[0].rstrip(",").count(",") + 1) // 2 if anchors else num
    if anchors and pairs < num:
        call.warn(
            f"it has {count_noun(pairs, 'anchor')}, but num={num}: each box needs its width and height", "anchors"
        )


@section("region", ignored=_OF_REGION, is_head=True)
def _region(call: SectionCall) -> SectionOutput:
    boxes = call.number("num", 1, 1)
    return _head(call, boxes, call.number("coords", 4, 0) + 1, 20, f"num={boxes}")


@section("iseg", is_head=True)
def _iseg(call: SectionCall) -> SectionOutput:
    ids = call.number("ids", 32, 0)
    return _head(call, 1, ids, 20, f"ids={ids}")


def _head(call: SectionCall, boxes: int, others: int, default: int, named: str) -> SectionOutput:
    """Return the output of a detector, whose input has (classes + others)·boxes channels. Errors: `OptionError`."""
    x = call.map()
    option, classes = call.option("classes"), call.number("classes", default, 0)
    due, found = (classes + others) * boxes, x.sizes[0]
    if due != found:
        message = f"its input has {found} channels, but classes={classes} and {named} need {due}"
        why = f"for each box {others} + {classes}: ({classes} + {others})·{boxes} = {due}"
        raise OptionError(message, option.mark if option else None, (why,), _head_hint(call, boxes, others, due))
    call.agreeing += 1
    return call.emit("identity", x)


def _head_hint(call: SectionCall, boxes: int, others: int, due: int) -> str:
    """Return where to write which number: the channels before it, or else the classes."""
    found = call.x.sizes[0]
    filters = call.previous.options.get("filters") if call.previous else None
    hint = f"write filters={due} in line {filters.mark.line}" if filters else f"it needs {due} channels before it"
    classes, rest = divmod(found, boxes)
    return hint + (f", or classes={classes - others} here" if not rest and classes > others else "")


@section("detection", ignored=f"{_OF_REGION} forced reorg", is_head=True)
def _detection(call: SectionCall) -> SectionOutput:
    x = call.x
    side, boxes = call.number("side", 7, 1), call.number("num", 1, 1)
    coords, classes = call.number("coords", 1, 0), call.number("classes", 1, 0)
    call.option("rescore")
    due = side * side * ((1 + coords) * boxes + classes)
    if due != x.elements:
        message = (
            f"its input has {x.elements:,} elements, but side={side}, num={boxes} and classes={classes} need {due:,}"
        )
        why = f"side²·((1 + coords)·num + classes) = {side}²·((1 + {coords})·{boxes} + {classes}) = {due:,}"
        output = call.previous.options.get("output") if call.previous else None
        hint = f"write output={due} in line {output.mark.line}" if output else ""
        raise OptionError(message, None, (why,), hint)
    call.agreeing += 1
    return call.emit("identity", x, is_map=False)


# Losses, and what is computed of lists of features.


@section("softmax", "soft", ignored="temperature tree spatial noloss")
def _softmax(call: SectionCall) -> SectionOutput:
    """Over all elements, in each group of them, or with `spatial` over the channels at each position."""
    x, groups = call.x, call.number("groups", 1, 1)
    spatial = call.section.options.get("spatial")
    if len(x.sizes) > 1 and not (spatial and spatial.text.strip("0.")) and x.sizes[0] != x.elements:
        x = call.flat(x)
    if groups > 1:
        x = call.flat(x)
        call.check_groups("groups", groups, x.elements, "elements of its input")
        x = call.emit("unflatten", x, dim=1, unflattened_size=(groups, x.elements // groups))
        return call.flat(call.emit("softmax", x, dim=2))
    return call.emit("softmax", x, dim=1, is_map=False)


@section("cost", ignored="type scale ratio noobj thresh")
def _cost(call: SectionCall) -> SectionOutput:
    return call.emit("identity", call.x, is_map=False)


@section("contrastive", ignored="classes yolo_layer temperature cls_normalizer max_delta contrastive_neg_max")
def _contrastive(call: SectionCall) -> SectionOutput:
    return call.emit("identity", call.x, is_map=call.x.is_map)


@section("empty", "silence")
def _empty(call: SectionCall) -> SectionOutput:
    return call.emit("identity", call.x, is_map=call.x.is_map)


@section("connected", "conn", ignored="weights biases")
def _connected(call: SectionCall) -> SectionOutput:
    return call.activated(call.connected(call.x, call.counted("output")), "logistic")


# Each element.


@section("dropout", ignored="probability dropblock dropblock_size_rel dropblock_size_abs")
def _dropout(call: SectionCall) -> SectionOutput:
    return call.emit("dropout", call.x, is_map=call.x.is_map)


@section("normalization", "lrn", ignored="alpha beta kappa")
def _normalization(call: SectionCall) -> SectionOutput:
    return call.emit("local_response_norm", call.map(), size=call.number("size", 5, 1))


@section("batchnorm")
def _batchnorm(call: SectionCall) -> SectionOutput:
    return call.normalised(call.map())


@section("activation")
def _activation(call: SectionCall) -> SectionOutput:
    found = call.activated(call.x, "linear")
    return found if found is not call.x else call.emit("identity", found, is_map=found.is_map)


@section("logistic")
def _logistic(call: SectionCall) -> SectionOutput:
    return call.emit("sigmoid", call.x, is_map=call.x.is_map)


@section("l2norm")
def _l2norm(call: SectionCall) -> SectionOutput:
    return call.emit("normalize", call.x, is_map=call.x.is_map)
