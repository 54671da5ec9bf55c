"""F1 and distribution measures against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance
from scipy.special import rel_entr
from sklearn.metrics import brier_score_loss, f1_score

from emocal_rl.errors import UserError
from emocal_rl.evaluate.labels import f1, label_distribution, multiclass_brier, multiclass_nll, ranked_probability

LABELS = ["negative", "neutral", "positive", "never"]


def distributions(seed: int, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), 50), rng.multinomial(12, np.ones(k) / k, 50).astype(float)


def test_f1_agrees_with_scikit_learn_and_unread_answers_are_no_class() -> None:
    rng = np.random.default_rng(0)
    truths = rng.choice(LABELS[:3], 200).tolist()
    answers = [None if rng.random() < 0.1 else str(rng.choice(LABELS[:3])) for _ in truths]
    said = ["unread" if a is None else a for a in answers]
    found = f1(answers, truths, LABELS)
    for average in ("macro", "weighted"):
        expected = f1_score(truths, said, labels=LABELS, average=average, zero_division=0)
        assert found[average] == pytest.approx(expected)


def test_multiclass_brier_is_the_summed_form() -> None:
    p, votes = distributions(1, k=3)
    hard = np.eye(3)[votes.argmax(axis=1)]
    expected = brier_score_loss(votes.argmax(axis=1), p, labels=[0, 1, 2], scale_by_half=False)
    assert multiclass_brier(p, hard) == pytest.approx(expected)
    # Linear in the votes: the expectation over annotators.
    by_label = [multiclass_brier(p, np.tile(np.eye(3)[k], (50, 1))) for k in range(3)]
    same = np.tile([2.0, 1.0, 1.0], (50, 1))
    assert multiclass_brier(p, same) == pytest.approx(np.dot([0.5, 0.25, 0.25], by_label))


def test_two_labels_reduce_to_twice_the_binary_brier_and_to_the_rps() -> None:
    p, votes = distributions(2, k=2)
    q = votes[:, 1] / votes.sum(axis=1)
    binary = float(np.mean(q * (1 - p[:, 1]) ** 2 + (1 - q) * p[:, 1] ** 2))
    assert multiclass_brier(p, votes) == pytest.approx(2 * binary)
    assert ranked_probability(p, votes) == pytest.approx(binary)


def test_log_score_clips_the_forgotten_label() -> None:
    assert multiclass_nll([[1.0, 0.0]], [[0, 1]]) == pytest.approx(-np.log(1e-3))


def test_the_six_measures_agree_with_scipy() -> None:
    p, votes = distributions(3)
    q = votes / votes.sum(axis=1, keepdims=True)
    found = label_distribution(p, votes)
    rows = list(zip(p, q, strict=True))
    assert found["chebyshev"] == pytest.approx(np.mean([distance.chebyshev(a, b) for a, b in rows]))
    assert found["canberra"] == pytest.approx(np.mean([distance.canberra(a, b) for a, b in rows]))
    assert found["cosine"] == pytest.approx(np.mean([1 - distance.cosine(a, b) for a, b in rows]))
    assert found["kl"] == pytest.approx(np.mean([rel_entr(b, a).sum() for a, b in rows]), abs=1e-4)
    assert found["intersection"] == pytest.approx(np.mean([1 - 0.5 * distance.cityblock(a, b) for a, b in rows]))
    assert found["labels"] == 4


def test_zero_against_zero_is_no_distance() -> None:
    found = label_distribution([[1.0, 0.0, 0.0]], [[5, 0, 0]])
    assert found["canberra"] == found["clark"] == found["chebyshev"] == 0
    assert found["kl"] == pytest.approx(0, abs=1e-6)


def test_mistakes_are_one_clear_line() -> None:
    with pytest.raises(UserError, match="f1: true label 'joy' is not among the labels negative, neutral"):
        f1(["joy"], ["joy"], LABELS)
    with pytest.raises(UserError, match="f1: 1 answers for 2 truths"):
        f1(["never"], ["never", "never"], LABELS)
    with pytest.raises(UserError, match=r"distributions: shapes \(1, 2\) and \(1, 3\)"):
        multiclass_brier([[0.5, 0.5]], [[1, 1, 1]])
    with pytest.raises(UserError, match=r"voted: row 0 is \[0.0, 0.0\]; give non-negative numbers, not all zero"):
        label_distribution([[0.5, 0.5]], [[0, 0]])
