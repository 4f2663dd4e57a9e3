"""Models from timm with their heads and weights, and what is done to a model's weights outside the optimiser.

It knows nothing of data folders or run directories.
"""
