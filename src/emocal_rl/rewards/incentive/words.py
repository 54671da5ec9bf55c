"""The sentences of a verdict. Each says what will happen and what to do."""

IMPROPER = (
    "The reward is improper: a model that is {belief:.0%} sure is paid most for saying {says:.0%}. Use a proper rule "
    "such as brier."
)
SILENT = (
    "Every confidence pays the same, so nothing teaches the model how sure to be. Add a proper rule such as brier."
)
BLURRED = (
    "Confidences {blur:.2f} apart pay exactly the same, so the model learns little more than yes or no. Add a strictly "
    "proper rule such as brier."
)
HACKABLE = (
    "Giving up pays: on a question where the model is right less often than {hack:.0%}, a wrong answer on purpose with "
    "confidence {says:.2f} earns more than an honest try. Multiply the weights of the calibration terms by "
    "{factor:.3g} or less, or the weight of correct by {inverse:.3g} or more."
)
HACKABLE_ALWAYS = (
    "Giving up pays: on a question where the model is right less often than {hack:.0%}, a wrong answer on purpose with "
    "confidence {says:.2f} earns more than an honest try, because nothing pays for being right. Add the term correct."
)
WRONG_PAYS = "A wrong answer pays more than a right one. Give correct a positive weight."
SCALED = (
    "scale_rewards={scale} with {size} generations undoes honesty: a model that is {belief:.0%} sure is paid most for "
    "saying {says:.0%}. Set scale_rewards to none."
)
FLOOR = (
    "The floor is inverted: an unreadable reply gets {floor:.3g}, more than the worst readable one ({lowest:.3g}), so "
    "a model that fears being wrong is better off breaking the format. Leave floor unset, or lower it to {lowest:.3g}."
)
UNBOUNDED = (
    "The term {name} has no lower bound; totals are cut at {lowest:.3g}, the worst one on the format's own "
    "confidences. Set its eps to choose that bound yourself."
)
SLOW = (
    "Accuracy is learned slowly on hard questions: where the model is right 10% of the time, a better answer is paid "
    "{share:.0%} as much as where it is always right. Lower the weights of the calibration terms, at least early on."
)
