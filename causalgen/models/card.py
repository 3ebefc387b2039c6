"""The card of a model: what it was trained on, what it assumes, how good it is, and what it must not be used for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..files import write_whole
from ..graph import Variable
from ..scm import StructuralCausalModel

__all__ = ["CARD", "ModelCard", "write_card"]

CARD = "README.md"
"""Name of the file of a card."""
UNKNOWN = "Not stated. Whoever shares the model has to have the right to, and should state it here."
PRIVATE = (
    "Left out: it is computed from test and training rows, and by attribute readers that learned from training rows. The "
    "guarantee covers none of that. The report of the run shows it.",
)
NEVER = (
    "Decisions about persons: diagnosis, hiring, credit, insurance, policing.",
    "Images of what would have happened to a person, shown as fact: they hold under the graph and assumptions above.",
    "Units of another population, other devices or other preparation of the images than those of training.",
    "Values outside the joint range of training, which causalgen flags as not supported.",
    "Effects read off its images without an estimate from data with an interval (`causalgen effects`).",
)


@dataclass(frozen=True)
class ModelCard:
    """Content of a card that the model itself does not hold.

    Args:
        name: Name of the model.
        question: What it was made to answer; empty where nothing was stated.
        data: The data, in sentences.
        licence: Terms of use of the data; None where nothing was stated.
        training: Facts by name, such as rows and seed.
        quality: Rows of a table of metrics; empty where none were computed.
        caution: What a reader must know first, such as that a run was only a smoke test.
        memorisation: Verdicts of the tests of memorisation; empty where none were made.
    """

    name: str
    question: str
    data: str
    licence: str | None
    training: Mapping[str, Any]
    quality: Sequence[Mapping[str, Any]] = ()
    caution: Sequence[str] = ()
    memorisation: Sequence[str] = ()


def write_card(folder: Path | str, scm: StructuralCausalModel, card: ModelCard) -> Path:
    """Write the card of a model into its folder, with the front matter of Hugging Face; an earlier card is replaced."""
    return write_whole(Path(folder) / CARD, "\n".join(_lines(scm, card)) + "\n")


def _lines(scm: StructuralCausalModel, card: ModelCard) -> list[str]:
    front = {"library_name": "causalgen", "tags": ["causal-inference", "counterfactual", "structural-causal-model"]}
    return [
        "---",
        *(f"{key}: {json.dumps(value)}" for key, value in front.items()),
        "---",
        "",
        f"# {_plain(card.name)}",
        "",
        "A structural causal model fitted with causalgen "
        f"{__version__}: it samples, intervenes, and answers what an observed unit would have been.",
        "",
        *(f"**{_plain(sentence)}**\n" for sentence in card.caution),
        *([f"Made to answer: {_plain(card.question)}", ""] if card.question else []),
        "```python",
        "from causalgen.scm import load",
        "",
        'scm = load("path/of/this/folder")',
        "scm.sample(4, seed=0)",
        "```",
        "",
        "## Data",
        "",
        _plain(card.data),
        "",
        f"Licence of the data: {_plain(card.licence or UNKNOWN)}",
        "",
        "## Variables and graph",
        "",
        *_table(("variable", "kind", "values", "caused by"), [_variable(scm, name) for name in scm.graph.nodes]),
        "",
        "The graph is an assumption that training does not test. No hidden common causes are assumed.",
        "",
        "## Mechanisms and what their counterfactuals assume",
        "",
        *_table(("variable", "mechanism", "abduction", "counterfactuals", "under the assumption of"), _mechanisms(scm)),
        "",
        "*identified under assumptions*: determined by the data if the assumption holds, which they do not test; *bounded*: "
        "the data give an interval at best; *a convention*: one of many answers that fit the data equally well.",
        "",
        *_outside(scm),
        "## Training",
        "",
        *(f"- {_plain(key)}: {_plain(value)}" for key, value in card.training.items()),
        *([] if scm.tempering is None else [f"- {_plain(scm.tempering.sentence)}"]),
        "",
        "## Privacy",
        "",
        *_privacy(scm),
        "",
        "## How good it is",
        "",
        *(PRIVATE if scm.privacy else _quality(card)),
        "",
        "## Does it give training units away?",
        "",
        *(PRIVATE if scm.privacy else _memory(card)),
        "",
        "## Intended use",
        "",
        "Research and teaching on counterfactual images of data like those of training, under the graph above.",
        "",
        "Not to be used for:",
        "",
        *(f"- {sentence}" for sentence in NEVER),
    ]


def _quality(card: ModelCard) -> list[str]:
    if not card.quality:
        return ["No metrics were computed for this model. `causalgen run` or `causalgen evaluate` computes them."]
    columns = tuple(card.quality[0])
    return [
        "On test units. *floor*: error of the measurement on true images; *identity*: the factual image returned; "
        "*oracle*: the true process.",
        "",
        *_table(columns, [[row[column] for column in columns] for row in card.quality]),
    ]


def _privacy(scm: StructuralCausalModel) -> list[str]:
    if scm.privacy is None:
        return ["It was trained without differential privacy: nothing bounds what it may reveal about a training unit."]
    return [f"- {_plain(sentence)}" for sentence in scm.privacy.sentences]


def _memory(card: ModelCard) -> list[str]:
    if not card.memorisation:
        return ["It was not tested. `causalgen run` or `causalgen evaluate` tests it."]
    return [
        *(f"- {_plain(verdict)}" for verdict in card.memorisation),
        "",
        "*not found* means that these tests found nothing. It does not mean that the model is private.",
    ]


def _variable(scm: StructuralCausalModel, name: str) -> list[str]:
    variable = scm.graph[name]
    return [name, str(variable.kind), _values(variable), ", ".join(scm.graph.parents(name)) or "nothing in the graph"]


def _values(variable: Variable) -> str:
    if variable.labels is not None:
        return ", ".join(map(str, variable.labels))
    span = "" if variable.support is None else "{:g} to {:g}".format(*variable.support)
    size = " x ".join(map(str, variable.shape))
    return ", ".join(filter(None, (size, span, variable.unit or "")))


def _mechanisms(scm: StructuralCausalModel) -> list[list[str]]:
    columns = ("mechanism", "abduction", "counterfactuals", "assumption")
    return [[str(name), *(str(row[column]) for column in columns)] for name, row in scm.summary().iterrows()]


def _outside(scm: StructuralCausalModel) -> list[str]:
    """What the folder lacks, with an empty line after it."""
    needed = [(name, what) for name, mechanism in scm.mechanisms.items() for what in mechanism.outside]
    lines = [f"- The mechanism of {_plain(name)} needs {_plain(what)}." for name, what in needed]
    if not lines:
        return []
    return [
        "**This folder is not complete.** Its model also needs the following files, whose licences apply as well:",
        "",
        *lines,
        "",
    ]


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *([_plain(cell) for cell in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _plain(value: Any) -> str:
    """Text that is no markup: cards are shown as pages elsewhere."""
    text = " ".join(str(value).split())
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return text
