"""Texts common to all audit pages."""

from ..reports.parts import Formula

__all__ = ["CHANGE", "MOVERS", "TICKS", "TRUST", "WORDS"]

CHANGE = Formula(
    "change = score(image under do(a = value)) − score(image under do(a = own value)), with the same noise u",
    r"\Delta(u) = f\bigl(X_{a=\mathrm{value}}(u)\bigr) - f\bigl(X_{a=\mathrm{own}}(u)\bigr)",
    "of one unit; u is its exogenous noise, abducted from its image and attributes",
)
WORDS = [
    (
        "Change",
        "Mean over the units, net of the change caused by rebuilding the factual image, which is listed under "
        "Reconstruction.",
    ),
    ("Total", "Descendants of the attribute respond to it."),
    ("Direct", "Mediators (parents of the image that descend from the attribute) keep each unit's factual values."),
    ("Gap", "Counterfactual-fairness gap: the mean absolute change, in which changes of opposite signs do not cancel."),
    ("Flipped", "Share of the units whose decision differs between the reconstructed and the counterfactual image."),
    (
        "Verdict",
        "Beyond the margin: the whole adjusted interval lies beyond it. Within the margin: the whole interval lies within it, "
        "the images show the intervention, keep the other attributes, and reconstruction alone moves no score by more than "
        "the margin. Cannot tell: the interval reaches across the margin, or evidence in another section contradicts the "
        "number.",
    ),
    ("Within support", "Units whose attributes under the intervention occur together in training."),
]
TICKS = (
    "The graph holds: no arrow is missing or reversed, and no hidden cause acts on two attributes, or on an attribute and the "
    "image.",
    "The classifier will see images of the size, the colours and the pixel scale of these.",
    "The audited units represent those on which the classifier will be used.",
    "Groups of units are independent of one another.",
)

MOVERS = (
    "These are the units whose score an intervention changes most: as observed, as the generator rebuilds them, and "
    "under the intervention. The change is between the last two. Scores are means over the draws of a unit's noise; "
    "images are of "
    "the first draw."
)

TRUST = (
    "An audit is only as good as the images that it shows. Change shown is the share of the requested change that can be read "
    "from the images: 0 % for images left unchanged, 100 % for images that read as well as real ones. Below 50 %, or "
    "if an attribute that should stay changes, the verdict is “cannot tell”."
)
