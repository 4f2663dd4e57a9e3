"""PNG figures, drawn with matplotlib: confusion matrices, comparisons, ablations.

Their data are computed in ``analysis``.
"""
