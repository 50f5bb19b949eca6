"""Networks: `build_x(config, spec) -> keras.Model` from physical inputs to logits by target name."""
