"""Outliers: training images that don't belong to their class, found and excluded before training.

``detect`` scores images, ``files`` moves and records them; ``stage`` combines the two.
"""
