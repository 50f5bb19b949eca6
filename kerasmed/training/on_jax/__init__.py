"""What keras does in a training step on jax, in less time: same classes, same weights, same files."""
