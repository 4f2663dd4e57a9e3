"""Analysis of runs: statistics, comparisons, confusion matrices, predictions, ablations.

Everything is computed from files in run directories. The package neither trains nor draws.
"""
