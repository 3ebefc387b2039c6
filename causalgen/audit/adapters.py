"""Adapters: torch modules, estimators and classifiers of causalgen as functions of images."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from ..errors import DataError
from ..predictors import AttributePredictor

__all__ = ["adapted", "shape_of"]


def adapted(classifier: Any) -> tuple[Callable[[Tensor], Any], Sequence[Any] | None]:
    """Return the classifier as a function, and its labels if it knows them."""
    if isinstance(classifier, type):
        raise DataError(f"Expected a classifier; got the class {classifier.__name__}. Make and fit one first.")
    if isinstance(classifier, AttributePredictor):
        return _predictor(classifier)
    if isinstance(classifier, nn.Module):
        return _module(classifier), None
    if hasattr(classifier, "predict_proba"):
        return _estimator(classifier), getattr(classifier, "classes_", None)
    if callable(classifier):
        return classifier, None
    if hasattr(classifier, "predict"):
        raise DataError(
            f"Expected an estimator with predict_proba; {type(classifier).__name__} gives decisions without probabilities. "
            "Calibrate it (sklearn.calibration.CalibratedClassifierCV), or pass a function of images that returns its score, "
            "with unit=... and margin=...."
        )
    raise DataError(
        f"Expected a classifier: a torch module, an estimator with predict_proba, a file or a function of images; got "
        f"{classifier!r:.80}. Wrap what you have in a function from images (B, C, H, W) to scores."
    )


def _predictor(predictor: AttributePredictor) -> tuple[Callable[[Tensor], Any], Sequence[Any] | None]:
    if predictor.given:
        raise DataError(
            f"Expected a classifier of images; got a predictor of '{predictor.variable.name}' that also needs "
            f"{', '.join(predictor.given)}. Fit one that sees the image only."
        )
    read = predictor.probabilities if predictor.variable.is_discrete else predictor.predict
    return read, predictor.variable.labels


def _module(module: nn.Module) -> Callable[[Tensor], Any]:
    def call(images: Tensor) -> Any:
        own = next((t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()), images)
        training = [part for part in module.modules() if part.training]
        module.eval()
        try:
            return module(images.to(own))
        finally:
            for part in training:  # train() would unfreeze parts that were frozen
                part.training = True

    return call


def _estimator(estimator: Any) -> Callable[[Tensor], Any]:
    def call(images: Tensor) -> Any:
        pixels = images.flatten(1).cpu().numpy()
        wanted = getattr(estimator, "n_features_in_", pixels.shape[1])
        if wanted != pixels.shape[1]:
            raise DataError(
                f"Expected images of {wanted} pixels, on which {type(estimator).__name__} was fitted; got {shape_of(images)}, "
                f"{pixels.shape[1]} pixels. Wrap it in a function that resizes them."
            )
        return estimator.predict_proba(pixels)

    return call


def shape_of(images: Tensor) -> str:
    """The shape of images as text, `(B, C, H, W)`."""
    return f"(B, {', '.join(map(str, images.shape[1:]))})"
