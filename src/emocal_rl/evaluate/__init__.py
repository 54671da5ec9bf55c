"""Evaluation: metrics with definitions and intervals, recalibration baselines, paired comparisons, figures, report.

Import what you need from the module that owns it; importing this package costs nothing:

``metrics``      every metric, called as ``metric(confidence, correct)``
``intervals``    cluster bootstrap, ``headline(...)`` with an interval beside every number
``recalibrate``  temperature, Platt, beta, histogram, isotonic, Venn-Abers, constant
``compare``      two systems on the same rows; several seeds
``report``       one run directory -> ``report.html``, ``metrics.json``, ``figures/``
"""
