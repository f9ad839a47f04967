"""What runs a network: OpenVINO first, ONNX Runtime as the portable fallback."""
