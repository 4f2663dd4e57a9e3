"""What a data folder holds: its splits, classes and image files, and everything that is left out.

Only names are read; no image is opened, but for the first bytes of files whose suffix says nothing.
"""
