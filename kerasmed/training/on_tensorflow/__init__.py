"""What keras does in a training step on TensorFlow, in less time: same classes, same weights, same files."""
