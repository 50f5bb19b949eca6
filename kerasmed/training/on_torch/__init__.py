"""What keras does in a training step on PyTorch, in less time: same classes, same weights, same files."""
