"""The estimand: what identification returns, in words and in formulas."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Estimand"]

CHOICES = {
    "efficient": "the other parents of the variables on causal paths, the most efficient set when nothing is hidden",
    "minimal": "a minimal set: no smaller part of it would do",
    "": "chosen by hand",
}


@dataclass(frozen=True)
class Estimand:
    """P(outcome | do(treatment)) in terms of the observational distribution.

    Args:
        method: "backdoor", "frontdoor" or "no effect" (no directed path leads from treatment to outcome).
        treatment: The variable that is intervened on.
        outcome: The variable whose response is asked for.
        adjustment: Variables adjusted for (back-door); may be empty.
        mediators: Variables through which the effect passes (front-door).
        choice: Which of the valid adjustment sets this is: "efficient", "minimal", or "" for one given by hand.

    >>> estimand = Estimand("backdoor", "pen", "intensity", adjustment=("hurry",))
    >>> print(estimand.latex)
    P(\\mathrm{intensity} \\mid \\mathrm{do}(\\mathrm{pen})) =
        \\sum_{\\mathrm{hurry}} P(\\mathrm{intensity} \\mid \\mathrm{pen}, \\mathrm{hurry})\\, P(\\mathrm{hurry})
    """

    method: Literal["backdoor", "frontdoor", "no effect"]
    treatment: str
    outcome: str
    adjustment: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    choice: Literal["efficient", "minimal", ""] = ""

    @property
    def text(self) -> str:
        """The estimand in words."""
        x, y = self.treatment, self.outcome
        if self.method == "no effect":
            return f"'{x}' has no effect on '{y}': no directed path leads from one to the other."
        if self.method == "frontdoor":
            through = _join(self.mediators)
            return (
                f"The effect of '{x}' on '{y}' is identified by front-door adjustment through {through}: how {x} moves "
                f"{through}, combined with how {through} moves {y} among units with equal {x}."
            )
        if not self.adjustment:
            return f"The effect of '{x}' on '{y}' needs no adjustment: no back-door path is open."
        held = _join(self.adjustment)
        return (
            f"The effect of '{x}' on '{y}' is identified by back-door adjustment for {held} "
            f"({CHOICES[self.choice]}): compare units with equal {held}, then average over the population."
        )

    @property
    def formula(self) -> str:
        """The formula as plain text; a sum over a continuous variable is an integral."""
        x, y = self.treatment, self.outcome
        effect = f"P({y} | do({x}))"
        if self.method == "no effect":
            return f"{effect} = P({y})"
        if self.method == "frontdoor":
            m = ", ".join(self.mediators)
            return f"{effect} = Σ_{{{m}}} P({m} | {x}) Σ_{{{x}′}} P({y} | {m}, {x}′) P({x}′)"
        if not self.adjustment:
            return f"{effect} = P({y} | {x})"
        z = ", ".join(self.adjustment)
        return f"{effect} = Σ_{{{z}}} P({y} | {x}, {z}) P({z})"

    @property
    def latex(self) -> str:
        """The formula for LaTeX math mode (matplotlib's mathtext reads it, too)."""
        x, y = _latex([self.treatment]), _latex([self.outcome])
        effect = rf"P({y} \mid \mathrm{{do}}({x}))"
        if self.method == "no effect":
            return f"{effect} = P({y})"
        if self.method == "frontdoor":
            m = _latex(self.mediators)
            inner = rf"\sum_{{{x}'}} P({y} \mid {m}, {x}')\, P({x}')"
            return rf"{effect} = \sum_{{{m}}} P({m} \mid {x}) {inner}"
        if not self.adjustment:
            return rf"{effect} = P({y} \mid {x})"
        z = _latex(self.adjustment)
        return rf"{effect} = \sum_{{{z}}} P({y} \mid {x}, {z})\, P({z})"

    @property
    def assumptions(self) -> list[str]:
        """What must hold, beyond the data, for the formula to be the effect."""
        x, y = self.treatment, self.outcome
        if self.method == "no effect":
            return [f"The graph is right that '{x}' causes '{y}' neither directly nor through another variable."]
        consistency = f"Consistency: what is observed at a value of '{x}' is what setting '{x}' to it would give."
        if self.method == "frontdoor":
            m = _join(self.mediators)
            return [
                f"Full mediation: '{x}' acts on '{y}' only through {m}.",
                f"No hidden common cause of '{x}' and {m}, and none of {m} and '{y}' beside '{x}'.",
                f"Positivity: every value of {m} occurs at every value of '{x}'.",
                consistency,
            ]
        given = f" among units with equal {_join(self.adjustment)}" if self.adjustment else ""
        return [
            f"No open non-causal path between '{x}' and '{y}'{given}: the graph misses no common cause.",
            f"Positivity: every value of '{x}' that is compared occurs{given}.",
            consistency,
        ]

    def __str__(self) -> str:
        return f"{self.text}\n{self.formula}"


def _join(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _latex(names: Iterable[str]) -> str:
    escape = str.maketrans({c: f"\\{c}" for c in "_#$%&{}"} | {" ": r"\ "})
    return ", ".join(rf"\mathrm{{{name.translate(escape)}}}" for name in names)
