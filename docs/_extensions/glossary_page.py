"""The glossary of the reports as Markdown."""

from causalgen.reports.glossary import GLOSSARY

__all__ = ["glossary"]


def glossary() -> str:
    """A definition list of all terms, each with a target."""
    return "\n\n".join(f"({term.anchor})=\n{term.term}\n: {term.definition}" for term in GLOSSARY)
