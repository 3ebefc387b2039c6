"""Sharing models: cards, archives, repositories, and the models that come with causalgen."""

from .archive import pack, unpack
from .card import CARD, ModelCard, write_card
from .model_library import PRETRAINED, StoredModel, get_model, list_models, pretrained
from .sharing import push_model

__all__ = [
    "CARD",
    "PRETRAINED",
    "ModelCard",
    "StoredModel",
    "get_model",
    "list_models",
    "pack",
    "pretrained",
    "push_model",
    "unpack",
    "write_card",
]
