r"""Characters that pdflatex cannot set without a declaration, such as Greek letters and subscripts in column names."""

import re
import unicodedata

__all__ = ["declarations", "in_latex"]

KNOWN = re.compile(
    r"[\x00-\u0125\u0128-\u0137\u0139-\u013e\u0141-\u0148\u014a-\u0165\u0168-\u017e\u2013-\u2026\u2030€™]"
)
"""Characters in the encoding T1."""
RAISED = {"<super>": "^", "<sub>": "_"}
LIKE_LATIN = {"omicron": "o"} | dict(
    zip(
        ("Alpha", "Beta", "Epsilon", "Zeta", "Eta", "Iota", "Kappa", "Mu", "Nu", "Omicron", "Rho", "Tau", "Chi"),
        "ABEZHIKMNOPTX",
        strict=True,
    )
)
"""Greek letters without a LaTeX command."""


def declarations(text: str) -> str:
    r"""Return a declaration for the preamble for each character of a document that the encoding T1 lacks.

    >>> print(declarations("β-carotene in mol/m³"))
    \DeclareUnicodeCharacter{03B2}{\ensuremath{\beta}}
    """
    missing = sorted({character for character in text if not KNOWN.match(character)})
    return "\n".join(f"\\DeclareUnicodeCharacter{{{ord(one):04X}}}{{{in_latex(one)}}}" for one in missing)


def in_latex(character: str) -> str:
    r"""Express a character in LaTeX: Greek letters, superscripts and subscripts; else its plain form or number.

    >>> in_latex("Δ"), in_latex("₂"), in_latex("ṡ"), in_latex("中")
    ('\\ensuremath{\\Delta}', '\\ensuremath{_{2}}', 's', '\\mbox{[U+4E2D]}')
    """
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and words[2:3] == ["LETTER"] and len(words) == 4:
        letter = words[3].replace("LAMDA", "LAMBDA").lower()
        letter = letter.capitalize() if words[1] == "CAPITAL" else letter
        return f"\\ensuremath{{{LIKE_LATIN.get(letter, chr(92) + letter)}}}"
    kind, *codes = unicodedata.decomposition(character).split() or [""]
    if kind in RAISED:
        return f"\\ensuremath{{{RAISED[kind]}{{{''.join(chr(int(code, 16)) for code in codes)}}}}}"
    plain = "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
    if plain.isascii() and plain.replace(" ", "").isalnum():
        return plain
    return f"\\mbox{{[U+{ord(character):04X}]}}"
