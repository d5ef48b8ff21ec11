"""ONNX networks: read strictly, checked before they are loaded, and run."""
