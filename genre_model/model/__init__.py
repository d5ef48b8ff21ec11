"""From slices to a genre: bundles, the ONNX network, aggregation, vocabulary, artist context."""
