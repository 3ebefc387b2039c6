"""What a model of the scan phantom reaches, next to the truth: volumes and heads measured on its images.

causalgen fit examples/phantom/study.yaml --out RUN      about 4 minutes of CPU
python tests/timings/bench_phantom.py RUN

The same for a run of examples/phantom/volumes.yaml, on as many test units as a second argument says:

python tests/timings/bench_phantom.py RUN 100
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from causalgen.datasets.phantom import measure_head_size, measure_ventricle_volume
from causalgen.metrics import as_stored, bootstrap, l1
from causalgen.scm import load as load_model
from causalgen.studies.runfolder import read_run
from causalgen.studies.sources import load_data

UNITS = 400
WORLDS = (
    {"age": 60.0},
    {"age": 80.0},
    {"age": 90.0},
    {"ventricle_volume": 20.0},
    {"head_size": 172.0},
    {"scanner": "B"},
)


def main(run: Path, units: int = UNITS) -> pd.DataFrame:
    """A row for each intervention on the first `units` test units."""
    scm, study = load_model(run / "model"), read_run(run).study
    data = load_data(study.data)
    rows = data.split["test"][:units]
    factual, groups = data.rows(rows), data.groups(rows).numpy()
    posterior, found = scm.abduct(factual, seed=0), []
    for do in WORLDS:
        true = data.truth.counterfactual(rows, do)
        images = as_stored(posterior.counterfactual(do, seed=0)["image"], 16)
        volume, head = measure_ventricle_volume(images.numpy()), measure_head_size(images.numpy())
        wanted, size = true["ventricle_volume"].numpy(), true["head_size"].numpy()
        if np.isnan(volume).any():
            raise SystemExit(
                f"Expected a trained model; no head is seen on {np.isnan(volume).sum()} images under {do}."
            )
        spread = bootstrap((volume - wanted) / wanted.mean(), groups, seed=0)
        found.append(
            {
                "do": str(do),
                "volume, ml": volume.mean(),
                "true, ml": wanted.mean(),
                "off, %": 100 * (volume.mean() / wanted.mean() - 1),
                "from, %": 100 * spread.low,
                "to, %": 100 * spread.high,
                "head off, %": 100 * (head.mean() / size.mean() - 1),
                "L1": l1(images, true["image"]).mean(),
                "L1 of identity": l1(factual["image"], true["image"]).mean(),
            }
        )
    return pd.DataFrame(found)


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), *map(int, sys.argv[2:])).round(2).to_string(index=False))
