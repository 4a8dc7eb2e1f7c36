"""Archives of torch.export made in code, right and wrong ones: without PyTorch, as the importer reads them."""

from __future__ import annotations

import io
import json
import zipfile

FLOAT, LONG = 7, 5


def meta(dims, kind=FLOAT, *, learned=False):
    """What is stated of a tensor; a size that is a text is an expression."""
    sizes = [{"as_int": n} if isinstance(n, int) else {"as_expr": {"expr_str": n, "hint": {"as_int": 2}}} for n in dims]
    return {"dtype": kind, "sizes": sizes, "requires_grad": learned, "device": {"type": "cpu", "index": None},
            "strides": [], "storage_offset": {"as_int": 0}, "layout": 7}  # fmt: skip


class T(str):
    """The name of a tensor as an argument."""

    __slots__ = ()


class N(str):
    """The name of a number as an argument."""

    __slots__ = ()


def argument(value):
    """One argument, as the schema has it."""
    if value is None:
        return {"as_none": True}
    for kind, key in ((bool, "as_bool"), (int, "as_int"), (float, "as_float")):
        if type(value) is kind:
            return {key: value}
    if isinstance(value, T):
        return {"as_tensor": {"name": str(value)}}
    if isinstance(value, N):
        return {"as_sym_int": {"as_name": str(value)}}
    if isinstance(value, str):
        return {"as_string": value}
    if isinstance(value, dict):
        return {"as_graph": {"name": "inner", "graph": value}}
    if value and all(isinstance(one, T) for one in value):
        return {"as_tensors": [{"name": str(one)} for one in value]}
    if any(isinstance(one, T) for one in value):
        return {"as_optional_tensors": [argument(one) for one in value]}
    if any(isinstance(one, N) for one in value):
        return {"as_sym_ints": [{"as_name": str(n)} if isinstance(n, N) else {"as_int": n} for n in value]}
    return {"as_floats" if any(isinstance(one, float) for one in value) else "as_ints": list(value)}


def node(target, outputs, module="", line="", **arguments):
    """One node; `outputs` are a name, or a list of names, or a number's name."""
    listed = outputs if isinstance(outputs, list) else [outputs]
    stack = "" if not module else f"L__self__,,m.Net;L__self__{module},{module},m.Part"
    trace = f'File "{line.partition(":")[0]}", line {line.partition(":")[2]}, in forward\n    x' if line else ""
    full = target if "." not in target or target.startswith(("torch.", "_operator")) else f"torch.ops.{target}"
    return {
        "target": full, "inputs": [{"name": name, "arg": argument(value), "kind": 1} for name, value in arguments.items()],
        "outputs": [argument(one if isinstance(one, (T, N)) else T(one)) for one in listed],
        "metadata": {"nn_module_stack": stack, "stack_trace": trace}, "is_hop_single_tensor_return": None,
    }  # fmt: skip


def graph(nodes, tensors, inputs, outputs, numbers=None):
    """A graph: nodes, the sizes of tensors by their names."""
    return {
        "inputs": [argument(T(name)) for name in inputs], "outputs": [argument(T(name)) for name in outputs],
        "nodes": nodes, "tensor_values": {name: one if isinstance(one, dict) else meta(one) for name, one in tensors.items()},
        "sym_int_values": {name: {"as_expr": {"expr_str": text, "hint": {"as_int": 2}}}
                           for name, text in (numbers or {}).items()},
        "sym_bool_values": {}, "is_single_tensor_return": False, "custom_obj_values": {}, "sym_float_values": {},
    }  # fmt: skip


def program(nodes, tensors, *, params=(), buffers=(), inputs=("x",), outputs=("y",), numbers=None, ranges=None, version=8,
            frozen=()):  # fmt: skip
    """A whole program. Parameters are named `p_…`; their names in the module are those with dots for underscores."""
    learned = set(params)
    tensors = {
        name: meta(dims, learned=name not in frozen) if name in learned else dims for name, dims in tensors.items()
    }
    specs = [{"parameter": {"arg": {"name": name}, "parameter_name": name[2:].replace("_", ".")}} for name in params]
    specs += [{"buffer": {"arg": {"name": name}, "buffer_name": name[2:].replace("_", "."), "persistent": True}}
              for name in buffers]  # fmt: skip
    specs += [{"user_input": {"arg": argument(T(name))}} for name in inputs]
    return {
        "graph_module": {
            "graph": graph(nodes, tensors, [*params, *buffers, *inputs], outputs, numbers),
            "signature": {"input_specs": specs, "output_specs": []}, "module_call_graph": [], "metadata": {},
        },
        "opset_version": {"aten": 10}, "schema_version": {"major": version, "minor": 20}, "verifiers": ["TRAINING"],
        "range_constraints": {name: {"min_val": low, "max_val": high} for name, (low, high) in (ranges or {}).items()},
        "torch_version": "2.13.0",
    }  # fmt: skip


def archive(document, *, weights=None, device="cpu", entry="net/models/model.json", compression=zipfile.ZIP_STORED,
            more=None):  # fmt: skip
    """The bytes of an archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr("net/archive_format", "pt2")
        file.writestr(entry, document if isinstance(document, (str, bytes)) else json.dumps(document))
        if weights:
            meta = {"is_param": True, "tensor_meta": {"device": {"type": device, "index": None}}}
            config = {"config": {name: {"path_name": path, **meta} for name, path in weights.items()}}
            file.writestr("net/data/weights/model_weights_config.json", json.dumps(config))
        for name, content in (more or {}).items():
            file.writestr(name, content)
    return stream.getvalue()


def small(**more):
    """A convolution, its normalisation, a ReLU in place, a residual, a pool and a linear layer."""
    block = "body.0"
    nodes = [
        node("aten.conv2d.default", "c", f"{block}.conv", "net.py:5", input=T("x"), weight=T("p_body_0_conv_weight"),
             bias=None, stride=[1, 1], padding=[1, 1]),
        node("aten.batch_norm.default", "b", f"{block}.bn", "net.py:5", input=T("c"), weight=T("p_body_0_bn_weight"),
             bias=T("p_body_0_bn_bias"), running_mean=T("b_body_0_bn_running_mean"),
             running_var=T("b_body_0_bn_running_var"), training=False, momentum=0.1, eps=1e-5, cudnn_enabled=False),
        node("aten.relu_.default", "r", block, "net.py:5", self=T("b")),
        node("aten.add.Tensor", "a", block, "net.py:6", self=T("r"), other=T("x")),
        node("aten.adaptive_avg_pool2d.default", "p", "pool", "net.py:12", self=T("a"), output_size=[1, 1]),
        node("aten.flatten.using_ints", "f", "", "net.py:13", self=T("p"), start_dim=1),
        node("aten.linear.default", "y", "fc", "net.py:14", input=T("f"), weight=T("p_fc_weight"), bias=T("p_fc_bias")),
    ]  # fmt: skip
    tensors = {
        "p_body_0_conv_weight": (3, 3, 3, 3), "p_body_0_bn_weight": (3,), "p_body_0_bn_bias": (3,),
        "p_fc_weight": (10, 3), "p_fc_bias": (10,), "b_body_0_bn_running_mean": (3,), "b_body_0_bn_running_var": (3,),
        "x": (1, 3, 8, 8), "c": (1, 3, 8, 8), "b": (1, 3, 8, 8), "r": (1, 3, 8, 8), "a": (1, 3, 8, 8), "p": (1, 3, 1, 1),
        "f": (1, 3), "y": (1, 10),
    }  # fmt: skip
    params = [name for name in tensors if name.startswith("p_")]
    buffers = [name for name in tensors if name.startswith("b_")]
    return program(nodes, tensors, params=params, buffers=buffers, **more)
