"""Trackers that follow a run folder from processes of their own, so that none can stop, slow or alter a training."""
