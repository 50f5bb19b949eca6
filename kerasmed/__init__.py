"""kerasmed: train, judge and ship models of medical signals and images on JAX, PyTorch or TensorFlow."""

__version__ = "0.1.0"
