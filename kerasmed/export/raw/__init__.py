"""Serving graphs that begin at what a device records: preparation, model, calibration and answer in one file.

Written with TensorFlow, in the export's child process, since SavedModel and (by tf2onnx) ONNX are made of it. Every
function here has its twin in `data/`, which training and `kerasmed predict` use, and each export proves them equal.
"""
