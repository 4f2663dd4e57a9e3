"""What ended runs tell: statistics, comparisons, confusion, predictions, ablations.

Everything is computed from files in run directories; nothing here trains or draws.
"""
