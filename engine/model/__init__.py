"""timm models with their heads and weights, and operations on weights outside the optimiser.

Independent of data folders and run directories.
"""
