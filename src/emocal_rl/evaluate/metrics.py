"""Every metric in one place: ``metric(confidence, correct)``, in that order, and the registry ``MEASURES``.

>>> from emocal_rl.evaluate import metrics
>>> round(metrics.brier([0.9, 0.6], [1, 0]), 4)
0.185
>>> metrics.MEASURES["ece_10"].definition
'ece/10/right-closed'
"""

from __future__ import annotations

from emocal_rl.evaluate.binning import (
    bin_of,
    brier_ece,
    ece,
    ece_10,
    ece_15,
    ece_by_value,
    ece_equal_mass,
    mce_10,
    rmsce_10,
    rmsce_debiased,
)
from emocal_rl.evaluate.bounds import annotator, bayes, bayes_sample, crowd_sample
from emocal_rl.evaluate.cells import Cells, Sample
from emocal_rl.evaluate.decompose import (
    Consistency,
    Parts,
    consistency,
    corp,
    corp_discrimination,
    corp_miscalibration,
    cox,
    design_effect,
    murphy,
    noise_floor,
    spiegelhalter,
)
from emocal_rl.evaluate.measure import MEASURES, Measure, Metric
from emocal_rl.evaluate.scores import (
    CLIP,
    accuracy,
    aupr,
    aupr_errors,
    auroc,
    brier,
    brier_skill,
    distinct,
    entropy,
    mass_at_one,
    mean_confidence,
    mode_mass,
    nll,
    overconfidence,
    parse_rate,
    sharpness,
)
from emocal_rl.evaluate.selective import (
    augrc,
    aurc,
    coverage_at_risk_10,
    coverage_at_risk_20,
    eaurc,
    risk_coverage,
    threshold_table,
)
from emocal_rl.evaluate.smooth import at_bandwidth, smece

__all__ = [
    "CLIP",
    "HEADLINE",
    "MEASURES",
    "Cells",
    "Consistency",
    "Measure",
    "Metric",
    "Parts",
    "Sample",
    "accuracy",
    "annotator",
    "at_bandwidth",
    "augrc",
    "aupr",
    "aupr_errors",
    "aurc",
    "auroc",
    "bayes",
    "bayes_sample",
    "bin_of",
    "brier",
    "brier_ece",
    "brier_skill",
    "consistency",
    "corp",
    "corp_discrimination",
    "corp_miscalibration",
    "coverage_at_risk_10",
    "coverage_at_risk_20",
    "cox",
    "crowd_sample",
    "design_effect",
    "distinct",
    "eaurc",
    "ece",
    "ece_10",
    "ece_15",
    "ece_by_value",
    "ece_equal_mass",
    "entropy",
    "mass_at_one",
    "mce_10",
    "mean_confidence",
    "mode_mass",
    "murphy",
    "nll",
    "noise_floor",
    "overconfidence",
    "parse_rate",
    "risk_coverage",
    "rmsce_10",
    "rmsce_debiased",
    "sharpness",
    "smece",
    "spiegelhalter",
    "threshold_table",
]  # fmt: skip

HEADLINE = (
    "accuracy", "brier", "brier_skill", "auroc", "ece_10", "ece_15", "smece", "augrc", "nll", "parse_rate",
    "mean_confidence", "overconfidence", "distinct", "mode_mass",
    "mass_at_one", "entropy", "brier_ece",
)  # fmt: skip
"""What every table shows, in order."""
