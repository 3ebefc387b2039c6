"""Fits small models of several kinds in each of two processes, and writes what the first one holds; started by tests."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from small_fit import CONFIG, GRAPH, IMAGE, data

from causalgen.launched import launch
from causalgen.scm import StructuralCausalModel
from causalgen.training import fit

LATENT = {
    "mechanism": "latent",
    "inner": {"mechanism": "flow-matching", "width": 8, "steps": 3},
    "codec": {"channels": 2, "width": 8, "factor": 2},
}
IMAGES = {"conv-vae": IMAGE, "gan": {"mechanism": "gan", "width": 8}, "latent": LATENT, "holes": IMAGE}


def fitted(kind: str, devices: int) -> dict[str, object]:
    """A hash of all weights, and the validation loss of every node, after a fit whose batches split unevenly."""
    started = launch()
    torch.manual_seed(started.rank if started else 0)  # the first process decides how all begin
    values = data(601)
    if kind == "holes":
        for columns in values.values():
            columns["y"] = columns["y"].clone()
            columns["y"][::7] = torch.nan
    scm = StructuralCausalModel(GRAPH, {"im": IMAGES[kind]})
    images = replace(CONFIG.images, epochs=2, shift=1, batch_size=51, accumulate=2)
    config = replace(CONFIG, images=images, devices=devices)
    history = fit(scm, values, config, missing="model" if kind == "holes" else "refuse").history
    held_out = history[(history["split"] == "validation") & (history["objective"] != "elbo")]
    content = b"".join(tensor.contiguous().numpy().tobytes() for tensor in scm.state_dict().values())
    return {
        "weights": hashlib.sha256(content).hexdigest(),
        "losses": held_out.groupby("node")["value"].last().to_dict(),
    }


if __name__ == "__main__":
    place = launch()
    found = {kind: fitted(kind, place.processes if place else 1) for kind in IMAGES}
    Path(sys.argv[1], f"{place.rank if place else 0}.json").write_text(json.dumps(found))
