"""The model of a run as a service over HTTP: counterfactuals, samples, noise."""

from .batched_model import BatchedModel, ServedQuestion
from .batching import Batcher, BusyError

__all__ = ["BatchedModel", "Batcher", "BusyError", "ServedQuestion"]
