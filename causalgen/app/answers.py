"""A counterfactual of one unit as the page shows it: attributes, images, draws and support."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..graph import Variable
from ..reports.images import as_array
from ..scm import Counterfactual
from .drawing import difference_url, picture_url

__all__ = ["attribute_answers", "image_answers", "share_supported"]

TAILS = (0.025, 0.975)
SAME = 1e-5
"""Change, as a share of the value's size, that counts as rounding."""
MOST_SHOWN = 16
"""Maximum number of draws shown as pictures."""


def share_supported(counterfactual: Counterfactual) -> float:
    """Share of the draws within the joint range of training; 0 or 1 without draws."""
    return float(counterfactual.supported.float().mean())


def attribute_answers(
    counterfactual: Counterfactual, asked: Iterable[str], truth: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """One entry per attribute: its name, state ("set", "held", "moved" or "same"), factual and counterfactual value.

    A value is {"value": number or code}, with the central 95 % (low, high) or the share of the most frequent label where there
    are several draws. Where the truth is known, `truth` is the true counterfactual value.
    """
    graph, chosen = counterfactual.graph, set(asked)
    found = []
    for name in graph.attributes:
        before, after = _draws(counterfactual, name)
        state = "set" if name in chosen else "held" if name in counterfactual.do else "same"
        if state == "same" and _moved(before, after):
            state = "moved"
        entry: dict[str, Any] = {"name": name, "state": state}
        entry |= {"factual": _summary(graph[name], before), "counterfactual": _summary(graph[name], after)}
        if truth is not None and name in truth:
            entry["truth"] = float(as_array(truth[name])[0])
        found.append(entry)
    return found


def image_answers(
    counterfactual: Counterfactual, truth: Mapping[str, Any] | None, *, longest: int | None = None
) -> list[dict[str, Any]]:
    """One entry per image: its name; data URLs of factual, counterfactual and difference; and how much it changed.

    With several draws the counterfactual is their mean, and `draws` are the first 16 of them. `mean` and `largest` are the
    mean and the largest absolute difference of a pixel in the image's own units.
    """
    graph, found = counterfactual.graph, []
    for name in graph.images:
        variable = graph[name]
        before, after = _draws(counterfactual, name)
        difference = (after.float() - before.float()).mean(dim=0)
        entry: dict[str, Any] = {
            "name": name,
            "factual": picture_url(counterfactual.factual[name][0], variable, longest=longest),
            "counterfactual": picture_url(after.float().mean(dim=0), variable, longest=longest),
            "difference": difference_url(difference, variable),
            "mean": float(difference.abs().mean()),
            "largest": float(difference.abs().max()),
        }
        if counterfactual.particles:
            entry["draws"] = [picture_url(image, variable, longest=longest) for image in after[:MOST_SHOWN]]
        if truth is not None and name in truth:
            entry["truth"] = picture_url(truth[name][0], variable, longest=longest)
        found.append(entry)
    return found


def _draws(counterfactual: Counterfactual, name: str) -> tuple[Tensor, Tensor]:
    """Factual and counterfactual values of the only unit, one per draw, `(k, ...)`."""
    after = counterfactual[name] if counterfactual.particles else counterfactual[name][None]
    if counterfactual.completed is not None:
        return counterfactual.completed[name][:, 0], after[:, 0]
    return counterfactual.factual[name].expand(len(after), *counterfactual.factual[name].shape[1:]), after[:, 0]


def _moved(before: Tensor, after: Tensor) -> bool:
    return bool(((after - before).abs() > SAME * torch.maximum(before.abs(), after.abs())).any())


def _summary(variable: Variable, draws: Tensor) -> dict[str, float]:
    if variable.is_discrete:
        code = int(draws.mode().values)
        share = float((draws == code).double().mean())
        return {"value": code} | ({"share": share} if share < 1 else {})
    value = float(draws.double().mean())
    low, high = torch.quantile(draws.double(), draws.new_tensor(TAILS).double()).tolist()
    return {"value": value} | ({"low": low, "high": high} if high - low > SAME * abs(value) else {})
