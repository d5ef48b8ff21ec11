"""Convert the network from the original checkpoint to ONNX, in a form that runs fast."""
