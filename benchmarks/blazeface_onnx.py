"""Writes BlazeFace for ONNX Runtime, from the published TFLite file: the same weights, and what they give.

    pip install tflite onnx
    python -m benchmarks.blazeface_onnx

ONNX Runtime works fast on blocks of 16 channels. Numbers of channels are rounded up to that with zeros; and where the
network adds to a sum a part with fewer channels, only these are added, and the others follow as they are.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

from deemo_jax.audit.face_detection.blazeface import BOX, BOXES, CELL, INPUT, MODEL, PUBLISHED, SCORES, SIDE

BLOCK = 16
COLOURS = 3
OPSET, IR_VERSION = 17, 8
HEADS = {"regressor_face_4": (BOXES, BOX), "classifier_face_4": (SCORES, 1)}
KINDS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if not name.startswith("_")}
OPTIONS = {"CONV_2D": tflite.Conv2DOptions, "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions}


class Published:
    """The TFLite file: one graph of operators, whose weights are halves that are made floats first."""

    def __init__(self, file: bytes):
        self._model = tflite.Model.GetRootAsModel(file, 0)
        self._graph = self._model.Subgraphs(0)

    def operators(self) -> Iterator[tuple[str, Any, list[int], str]]:
        """Kind, operator, numbers of its inputs, and the name of its output."""
        for number in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(number)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            kind = KINDS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            yield kind, operator, list(operator.InputsAsNumpy()), self.name(operator.Outputs(0))

    def name(self, tensor: int) -> str:
        return self._graph.Tensors(tensor).Name().decode()

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(map(int, self._graph.Tensors(tensor).ShapeAsNumpy()))

    def halves(self, tensor: int) -> np.ndarray:
        data = self._model.Buffers(self._graph.Tensors(tensor).Buffer()).DataAsNumpy()
        return np.frombuffer(data.tobytes(), np.float16).reshape(self.shape(tensor))


class Written:
    """The ONNX graph as it grows."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(self, taken: str, weight: np.ndarray, bias: np.ndarray, output: str, **attributes: Any) -> None:
        halves = {f"{output}.weight": weight, f"{output}.bias": bias}
        floats = [
            self.add("Cast", [self.constant(f"{name}.half", value)], name, to=TensorProto.FLOAT)
            for name, value in halves.items()
        ]
        self.add("Conv", [taken, *floats], output, **attributes)


def convert(published: Published) -> onnx.ModelProto:
    """The network of ONNX: pictures (T, 3, 192, 192) to `BOXES` (T, 4, 48, 48) and `SCORES` (T, 1, 48, 48)."""
    halves: dict[str, np.ndarray] = {}
    short: dict[str, tuple[str, int]] = {}  # what is padded -> what of it is there, and how many channels that has
    parts: dict[str, int] = {}  # a convolution that a short part is added to -> how many of its channels that meets
    for kind, _, inputs, output in published.operators():
        if kind == "DEQUANTIZE":
            halves[output] = published.halves(inputs[0])
        elif kind == "PAD":
            short[output] = published.name(inputs[0]), published.shape(inputs[0])[3]
        elif kind == "ADD" and (first := published.name(inputs[0])) in short:
            parts[published.name(inputs[1])] = short[first][1]
    graph = Written()
    twice = graph.constant("twice", np.array([1, 1, 2, 2], np.float32))
    for kind, operator, inputs, output in published.operators():
        taken, *others = map(published.name, inputs)
        if kind in OPTIONS:
            options = OPTIONS[kind]()
            options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
            weight, bias = (halves[name] for name in others)
            depthwise = kind == "DEPTHWISE_CONV_2D"
            weight = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
            side, stride = weight.shape[2], options.StrideH()
            lacking = max(0, side - stride)  # as TensorFlow pads even sides: more behind than before
            how: dict[str, Any] = {"strides": [stride] * 2, "pads": [lacking // 2] * 2 + [lacking - lacking // 2] * 2}
            if output in HEADS:
                output, count = HEADS[output]
                graph.convolution(taken, _wide(weight[:count], 1), bias[:count], output, **how)
                continue
            weight = _wide(weight, 0) if depthwise else _wide(_wide(weight, 0), 1)
            bias, met = _wide(bias, 0), parts.get(output, 0)
            if depthwise:
                how["group"] = len(weight)
            if met:
                graph.convolution(taken, weight[met:], bias[met:], f"{output}.rest", **how)
                weight, bias = weight[:met], bias[:met]
            graph.convolution(taken, weight, bias, output, **how)
        elif kind == "ADD" and taken in short:
            graph.add("Add", [short[taken][0], others[0]], f"{output}.met")
            graph.add("Concat", [f"{output}.met", f"{others[0]}.rest"], output, axis=1)
        elif kind == "ADD":
            graph.add("Add", [taken, others[0]], output)
        elif kind == "RELU":
            graph.add("Relu", [taken], output)
        elif kind == "MAX_POOL_2D":
            graph.add("MaxPool", [taken], output, kernel_shape=[2, 2], strides=[2, 2])
        elif kind == "RESIZE_BILINEAR":
            graph.add("Resize", [taken, "", twice], output, mode="linear")
        elif kind not in ("DEQUANTIZE", "PAD", "RESHAPE"):
            raise ValueError(f"an operator that is not converted: {kind}")
    made = helper.make_graph(
        graph.nodes,
        MODEL.stem,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["T", COLOURS, SIDE, SIDE])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["T", count, SIDE // CELL, SIDE // CELL])
            for name, count in HEADS.values()
        ],
        graph.weights,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _wide(weight: np.ndarray, axis: int) -> np.ndarray:
    """With zeros up to the next whole block of channels; colours stay three."""
    count = weight.shape[axis]
    lacking = 0 if count == COLOURS else -count % BLOCK
    return np.pad(weight, [(0, lacking if i == axis else 0) for i in range(weight.ndim)])


def main() -> None:
    model = convert(Published(PUBLISHED.read_bytes()))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, MODEL)
    print(f"{MODEL}: {MODEL.stat().st_size} bytes")


if __name__ == "__main__":
    main()
