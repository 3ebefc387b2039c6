"""A run of a table that nobody designed: a grey and a coloured image a unit, a header with spaces, labels that are markup."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from untrained_run import write_untrained_run

__all__ = ["MARKUP", "ROWS", "write_twins"]

ROWS = 90
MARKUP = "<img src=x onerror=window.hurt=1>"
STUDY = f"""\
name: twins
question: 'What if? <script>window.hurt=1</script>'
data:
  table: table.csv
  graph: '"age at scan" -> {{grade, volume, left, right}}; {{grade, volume}} -> left; clinic -> right; "=side" -> left'
  group: patient
  variables:
    age at scan: {{unit: "years <i>", support: [0, 120]}}
    grade: {{kind: ordinal, labels: [low, middle, high]}}
    clinic: {{kind: categorical, labels: ["{MARKUP}", b, c, d, e, f, g]}}
mechanisms:
  volume: linear-gaussian
  left: {{mechanism: conv-vae, latent: 2, local: 2, width: 4, blocks: 1}}
  right: {{mechanism: conv-vae, latent: 2, local: 2, width: 4, blocks: 1}}
"""


def write_twins(home: Path) -> Path:
    """Write the images, the table and the run of an untrained model; return the run folder."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"patient": np.arange(ROWS) // 2, "age at scan": rng.uniform(20, 80, ROWS).round(1)})
    table["grade"] = np.array(["low", "middle", "high"])[np.clip((table["age at scan"] - 20) // 20, 0, 2).astype(int)]
    table.loc[::7, "grade"] = rng.choice(["low", "middle", "high"], len(table.loc[::7]))
    table["volume"] = (0.5 * table["age at scan"] + rng.normal(0, 2, ROWS)).round(2)
    table["=side"] = rng.choice(["=L", "+R"], ROWS)
    table["clinic"] = [(MARKUP, *"bcdefg")[row % 7] for row in range(ROWS)]
    for name, shape in (("left", (12, 10)), ("right", (8, 8, 3))):
        table[name] = [f"{name}-{row}.png" for row in range(ROWS)]
        for file, age in zip(table[name], table["age at scan"]):
            Image.fromarray(np.uint8(rng.uniform(0, 2 * age, shape))).save(home / file)
    table.to_csv(home / "table.csv", index=False)
    (home / "study.yaml").write_text(STUDY)
    (home / "run").mkdir()
    write_untrained_run(home / "run", home / "study.yaml")
    return home / "run"
