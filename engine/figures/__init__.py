"""The PNG pictures: confusion matrices, comparisons, ablations. Drawn with matplotlib.

What they show is computed in ``analysis``.
"""
