"""Works to cite for the methods that a study used."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["CITATIONS", "Citation", "cite"]


@dataclass(frozen=True)
class Citation:
    """A work: its reference, its address, and what it is cited for."""

    text: str
    url: str = ""
    use: str = ""


CITATIONS: dict[str, Citation] = {
    "causality": Citation(
        "J. Pearl. Causality: Models, Reasoning, and Inference. 2nd edition, Cambridge University Press, 2009.",
        "https://doi.org/10.1017/CBO9780511803161",
        "structural causal models, do, counterfactuals by abduction, action and prediction",
    ),
    "image": Citation(
        "N. Pawlowski, D. C. Castro, B. Glocker. Deep structural causal models for tractable counterfactual inference. "
        "NeurIPS, 2020.",
        "https://arxiv.org/abs/2006.06485",
        "deep mechanisms for images",
    ),
    "conv-vae": Citation(
        "D. P. Kingma, M. Welling. Auto-encoding variational Bayes. ICLR, 2014.",
        "https://arxiv.org/abs/1312.6114",
        "variational autoencoder",
    ),
    "spline-flow": Citation(
        "C. Durkan, A. Bekasov, I. Murray, G. Papamakarios. Neural spline flows. NeurIPS, 2019.",
        "https://arxiv.org/abs/1906.04032",
        "conditional flows of continuous attributes",
    ),
    "discrete": Citation(
        "M. Oberst, D. Sontag. Counterfactual off-policy evaluation with Gumbel-max structural causal models. ICML, "
        "2019.",
        "https://arxiv.org/abs/1905.05824",
        "counterfactuals of discrete attributes",
    ),
    "identification": Citation(
        "A. Nasr-Esfahany, M. Alizadeh, D. Shah. Counterfactual identifiability of bijective causal models. ICML, "
        "2023.",
        "https://arxiv.org/abs/2302.02228",
        "when scalar counterfactuals are identified",
    ),
    "image identification": Citation(
        "F. De Sousa Ribeiro, A. Santhirasekaram, B. Glocker. Counterfactual identifiability via dynamic optimal transport. "
        "NeurIPS, 2025.",
        "https://arxiv.org/abs/2510.08294",
        "when image counterfactuals are identified",
    ),
    "axioms": Citation(
        "M. Monteiro, F. De Sousa Ribeiro, N. Pawlowski, D. C. Castro, B. Glocker. Measuring axiomatic soundness of "
        "counterfactual image models. ICLR, 2023.",
        "https://arxiv.org/abs/2303.01274",
        "composition, reversibility, effectiveness",
    ),
    "ssim": Citation(
        "Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli. Image quality assessment: from error visibility to "
        "structural similarity. IEEE Transactions on Image Processing 13(4), 2004.",
        "https://doi.org/10.1109/TIP.2003.819861",
        "structural similarity",
    ),
    "dowhy": Citation(
        "A. Sharma, E. Kiciman. DoWhy: an end-to-end library for causal inference. 2020.",
        "https://arxiv.org/abs/2011.04216",
        "identification, estimation, refutation",
    ),
    "doubly robust": Citation(
        "J. M. Robins, A. Rotnitzky, L. P. Zhao. Estimation of regression coefficients when some regressors are not "
        "always observed. Journal of the American Statistical Association 89, 1994.",
        "https://doi.org/10.1080/01621459.1994.10476818",
        "augmented inverse propensity weighting",
    ),
    "cross-fitting": Citation(
        "V. Chernozhukov, D. Chetverikov, M. Demirer, E. Duflo, C. Hansen, W. Newey, J. Robins. Double/debiased "
        "machine learning for treatment and structural parameters. The Econometrics Journal 21, 2018.",
        "https://doi.org/10.1111/ectj.12097",
        "cross-fitting",
    ),
    "g-computation": Citation(
        "J. Robins. A new approach to causal inference in mortality studies with a sustained exposure period. "
        "Mathematical Modelling 7, 1986.",
        "https://doi.org/10.1016/0270-0255(86)90088-6",
        "g-computation",
    ),
    "weighting": Citation(
        "J. K. Lunceford, M. Davidian. Stratification and weighting via the propensity score in estimation of causal "
        "treatment effects: a comparative study. Statistics in Medicine 23(19), 2004.",
        "https://doi.org/10.1002/sim.1903",
        "inverse propensity weighting with normalised weights",
    ),
    "matching": Citation(
        "A. Abadie, G. W. Imbens. Bias-corrected matching estimators for average treatment effects. Journal of Business & "
        "Economic Statistics 29(1), 2011.",
        "https://doi.org/10.1198/jbes.2009.07333",
        "matching with bias correction",
    ),
    "generalized linear adjustment": Citation(
        "L. E. Papke, J. M. Wooldridge. Econometric methods for fractional response variables with an application to "
        "401(k) plan participation rates. Journal of Applied Econometrics 11(6), 1996.",
        use="fractional logistic regression",
    ),
    "double machine learning": Citation(
        "P. M. Robinson. Root-N-consistent semiparametric regression. Econometrica 56(4), 1988.",
        "https://doi.org/10.2307/1912705",
        "the partially linear model",
    ),
    "causal forest": Citation(
        "S. Athey, J. Tibshirani, S. Wager. Generalized random forests. The Annals of Statistics 47(2), 2019.",
        "https://doi.org/10.1214/18-AOS1709",
        "causal forests",
    ),
    "instrumental variables": Citation(
        "G. W. Imbens, J. D. Angrist. Identification and estimation of local average treatment effects. Econometrica "
        "62(2), 1994.",
        "https://doi.org/10.2307/2951620",
        "the effect among the units that an instrument moves",
    ),
    "front-door": Citation(
        "J. Pearl. Causal diagrams for empirical research. Biometrika 82(4), 1995.",
        "https://doi.org/10.1093/biomet/82.4.669",
        "front-door adjustment, do-calculus",
    ),
    "equivalence": Citation(
        "D. J. Schuirmann. A comparison of the two one-sided tests procedure and the power approach for assessing the "
        "equivalence of average bioavailability. Journal of Pharmacokinetics and Biopharmaceutics 15(6), 1987.",
        "https://doi.org/10.1007/BF01068419",
        "agreement within a margin",
    ),
    "partial R2": Citation(
        "C. Cinelli, C. Hazlett. Making sense of sensitivity: extending omitted variable bias. Journal of the Royal "
        "Statistical Society B 82(1), 2020.",
        "https://doi.org/10.1111/rssb.12348",
        "how strong a hidden confounder must be, in partial R2",
    ),
    "E-value": Citation(
        "T. J. VanderWeele, P. Ding. Sensitivity analysis in observational research: introducing the E-value. Annals of "
        "Internal Medicine 167(4), 2017.",
        "https://doi.org/10.7326/M16-2607",
        "how strong a hidden confounder must be, as a risk ratio",
    ),
    "negative control": Citation(
        "M. Lipsitch, E. Tchetgen Tchetgen, T. Cohen. Negative controls: a tool for detecting confounding and bias in "
        "observational studies. Epidemiology 21(3), 2010.",
        "https://doi.org/10.1097/EDE.0b013e3181d61eeb",
        "negative controls",
    ),
    "audit": Citation(
        "M. J. Kusner, J. Loftus, C. Russell, R. Silva. Counterfactual fairness. NeurIPS, 2017.",
        "https://arxiv.org/abs/1703.06856",
        "the counterfactual-fairness gap",
    ),
    "direct effect": Citation(
        "J. Pearl. Direct and indirect effects. UAI, 2001.",
        "https://arxiv.org/abs/1301.2300",
        "total and direct effects",
    ),
    "bootstrap": Citation(
        "T. C. Hesterberg. What teachers should know about the bootstrap. The American Statistician 69(4), 2015.",
        "https://doi.org/10.1080/00031305.2015.1089789",
        "intervals by resampling",
    ),
    "independence test": Citation(
        "R. D. Shah, J. Peters. The hardness of conditional independence testing and the generalised covariance measure. "
        "The Annals of Statistics 48(3), 2020.",
        "https://doi.org/10.1214/19-AOS1857",
        "tests of the independencies that the graph implies",
    ),
}
"""By key: a mechanism's name in the catalog, an estimate's source, or a topic."""


def cite(keys: Iterable[str]) -> list[Citation]:
    """The works for these keys, in the order of `CITATIONS`; keys without a work are skipped.

    >>> [work.use for work in cite(["dowhy", "causality", "empirical"])][1]
    'identification, estimation, refutation'
    """
    wanted = set(keys)
    return [work for key, work in CITATIONS.items() if key in wanted]
