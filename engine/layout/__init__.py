"""What a data folder holds: which folders are its splits, which files are images, what is left out and why.

Only names and, where a name says nothing, first bytes are read; no image is decoded.
"""
