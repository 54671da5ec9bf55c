"""What the models say in these tests, in the format "rlcr", and what is right."""

CANDIDATES = ["awe", "joy"]
GOOD = "<think>a smile</think><answer>joy</answer><analysis>clear</analysis><confidence>0.9</confidence>"
WRONG = GOOD.replace("joy", "awe")
BAD = "I would rather not say."

# {correct: 1, brier: 1} gives 1 - .01, -.81 and, for what cannot be read, -1; the unit scale maps [-1, 1] onto [0, 1].
PAID = {GOOD: 0.995, WRONG: 0.095, BAD: 0.0}
