"""The names of the formats, for those who need nothing else of them."""

from typing import Literal, get_args

Format = Literal["keras", "saved_model", "onnx", "openvino", "litert", "torch", "torchscript"]
FORMATS: tuple[Format, ...] = get_args(Format)
