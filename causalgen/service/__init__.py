"""Serves the model of a run over HTTP: counterfactuals, samples and noise."""

from .batched_model import BatchedModel, ServedQuestion
from .batching import Batcher, BusyError

__all__ = ["BatchedModel", "Batcher", "BusyError", "ServedQuestion"]
