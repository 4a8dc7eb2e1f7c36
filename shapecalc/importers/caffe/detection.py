"""Layers of detectors: SSD, and those that work on regions (Fast and Faster R-CNN, R-FCN)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.caffe.heads import check_boxes
from shapecalc.importers.caffe.operations import layer_type, where
from shapecalc.importers.tensors import LOST, Batch

if TYPE_CHECKING:
    from shapecalc.importers.caffe.operations import CaffeCall
    from shapecalc.importers.tensors import Data


@layer_type("priorbox")
def _prior_box(call: CaffeCall) -> Data:
    """Boxes of 1×2×K: the same for all samples."""
    params, x = call.param("prior_box_param"), call.as_map(least=3)
    arguments: dict[str, Any] = {}
    for name in ("min_size", "max_size", "aspect_ratio"):
        values = params.numbers(name)
        if values:
            arguments[name] = values[0] if len(values) == 1 else values
    if "min_size" not in arguments:
        raise LayerError("it has no min_size")
    if not params.flag("flip", default=True):
        arguments["flip"] = False
    if "step" in params:
        arguments["step"] = params.number("step", 0)
    return call.one("prior_box", x, *call.inputs[1:2], batch=Batch(0, own=True), **arguments)


@layer_type("detectionoutput")
def _detections(call: CaffeCall) -> Data:
    """Rows of seven numbers, as many as are found: Caffe states one until it runs. Source: SSD's branch."""
    check_boxes(call, "detection_output_param")
    most = call.param("detection_output_param").integer("keep_top_k", -1)
    limit = f"at most {most:,} (keep_top_k)" if most > 0 else "any number"
    call.notes.append(f"{call.layer.name} outputs one row for each box found, {limit}: 1 is shown, as Caffe does")
    return call.one("opaque", *call.inputs, output_sizes=[[1, 1, 7]], op_type=call.layer.type)


@layer_type("multiboxloss")
def _multi_box_loss(call: CaffeCall) -> list[Data]:
    call.data()
    check_boxes(call, "multibox_loss_param")
    return [call.one("loss", *call.inputs, batch=LOST, function=call.layer.type)] * max(len(call.layer.tops), 1)


@layer_type("detectionevaluate")
def _evaluated(call: CaffeCall) -> Data:
    """A row of five numbers for each class, and for each box found, of which Caffe states one until it runs."""
    params = call.param("detection_evaluate_param")
    classes = params.integer("num_classes", 0, 1) - (params.integer("background_label_id", 0) != -1)
    call.notes.append(f"{call.layer.name} outputs one row for each class and each box found: 1 box is shown")
    return call.one("opaque", *call.inputs, output_sizes=[[1, classes + 1, 5]], op_type=call.layer.type)


@layer_type("roipooling", "roialign")
def _roi_pool(call: CaffeCall) -> Data:
    """A small map for each region. A region is five numbers: the index of its image, and its corners."""
    x, regions = call.as_map(least=3), call.data(1)
    align = "roi_align_param" in call.layer.own.fields
    params = call.param("roi_align_param" if align else "roi_pooling_param")
    if regions.shape.rank != 2 or regions.shape.sizes[1] != 5:
        raise LayerError(f"its second input must be regions of 5 numbers each, but it is {regions.shape.text}")
    boxes = call.one("slice", regions, batch=LOST, dim=2, start=1, part="boxes")
    size = [params.integer("pooled_h", 0, 1), params.integer("pooled_w", 0, 1)]
    scale = params.number("spatial_scale", 1)
    return call.one("roi_align", x, boxes, batch=LOST, output_size=size[0] if size[0] == size[1] else size,
                    **where(scale != 1, spatial_scale=scale))  # fmt: skip


@layer_type("psroipooling", "psroialign")
def _position_sensitive(call: CaffeCall) -> Data:
    """A small map for each region, whose channels were chosen by position, as in R-FCN."""
    call.as_map(least=3)
    params = call.param("psroi_pooling_param")
    regions, side = call.data(1).shape.sizes[0], params.integer("group_size", 0, 1)
    sizes = [regions, params.integer("output_dim", 0, 1), side, side]
    return call.one("opaque", *call.inputs[:2], batch=LOST, output_sizes=[sizes], op_type=call.layer.type)
