"""The populations that an effect averages over, by every word for them."""

from typing import Literal

__all__ = ["ESTIMANDS", "POPULATIONS", "Population", "PopulationWord", "population_of"]

Population = Literal["whole", "overlap", "treated", "control"]
PopulationWord = Literal[Population, "ATE", "ATO", "ATT", "ATC"]
POPULATIONS: dict[str, Population] = {"ATE": "whole", "ATO": "overlap", "ATT": "treated", "ATC": "control"}
"""Population by the name of the effect."""
ESTIMANDS = {
    "whole": "average effect (ATE)",
    "overlap": "average effect in the overlap population (ATO)",
    "treated": "average effect in the treated (ATT)",
    "control": "average effect in the controls (ATC)",
    "compliers": "average effect among compliers (LATE)",
}
"""Effect by its population: as text, and as a name."""


def population_of(word: str) -> str:
    """Return the population of a word, which may be the name of the effect; another word is returned unchanged.

    >>> population_of("ATT"), population_of("att"), population_of("treated"), population_of("everyone")
    ('treated', 'treated', 'treated', 'everyone')
    """
    return POPULATIONS.get(word.upper(), word) if isinstance(word, str) else word
