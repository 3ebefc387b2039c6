"""Saved models: graph and mechanisms in `model.json`, weights in `model.safetensors`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from ..graph import CausalGraph
from ..graph.limits import check_count, check_names
from ..mechanisms.catalog import MECHANISMS, mechanism_class, name_of
from ..nn import load_module, save_module
from .guarantee import PrivacyGuarantee
from .tempering import Tempering

if TYPE_CHECKING:
    from .model import StructuralCausalModel

__all__ = ["read_model", "save", "specification"]

Model = TypeVar("Model", bound="StructuralCausalModel")


def specification(scm: "StructuralCausalModel") -> dict[str, Any]:
    """JSON-able graph and mechanisms from which `load` rebuilds the model."""
    return {
        "graph": scm.graph.to_dict(),
        "mechanisms": {name: {"mechanism": name_of(m), **m.spec()} for name, m in scm.mechanisms.items()},
        **({} if scm.privacy is None else {"privacy": scm.privacy.to_dict()}),
        **({} if scm.tempering is None else {"tempering": scm.tempering.to_dict()}),
    }


def save(scm: "StructuralCausalModel", folder: Path | str) -> Path:
    """Write the model into `folder`, which is created, and return it."""
    return save_module(scm, folder, "model", specification(scm))


def read_model(
    folder: Path | str, build: Callable[[CausalGraph, Mapping[str, Any]], Model], *, trust_code: bool = False
) -> Model:
    """The model that `save` wrote, which `build` makes of its graph and mechanisms; see `StructuralCausalModel.load`."""

    def rebuild(description: dict[str, Any]) -> Model:
        _check_sizes(description["graph"])
        mechanisms = {
            name: _completed(entry) | {"mechanism": mechanism_class(entry["mechanism"], name, trust_code=trust_code)}
            for name, entry in description["mechanisms"].items()
        }
        model = build(CausalGraph.from_dict(description["graph"]), mechanisms)
        if "privacy" in description:
            model.privacy = PrivacyGuarantee.from_dict(description["privacy"])
        if "tempering" in description:
            model.tempering = Tempering.from_dict(description["tempering"])
        return model

    return load_module(folder, "model", rebuild, _parts)


def _completed(entry: Any) -> Any:
    """Complete the entry of a saved mechanism, and of one inside it, with options introduced later."""
    options = {"mechanism": entry} if isinstance(entry, str) else entry
    if not isinstance(options, Mapping) or options.get("mechanism") not in [*MECHANISMS]:
        return entry
    options = {**MECHANISMS[options["mechanism"]].earlier_options, **options}
    return options | {"inner": _completed(options["inner"])} if "inner" in options else options


def _check_sizes(graph: Mapping[str, Any]) -> None:
    """Refuse a graph description that would take long to build."""
    variables = graph["variables"]
    check_count(len(graph["edges"]) + len(graph.get("confounded", ())), len(variables))
    check_names(variable["name"] for variable in variables if isinstance(variable.get("name"), str))


def _parts(scm: "StructuralCausalModel") -> dict[str, nn.Module]:
    """Parts of the model, with their names in messages."""
    mechanisms = {f"the mechanism of '{name}'": part for name, part in scm.mechanisms.items()}
    return mechanisms | {f"the support of the parents of '{name}'": part for name, part in scm.supports.items()}
