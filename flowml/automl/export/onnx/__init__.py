"""A model as an ONNX graph, from raw columns to answers, written without the onnx package."""
