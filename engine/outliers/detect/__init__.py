"""Outlier detectors: scores from embeddings or autoencoders, and a threshold per class.

The package returns scores and verdicts. It changes no files and writes no events.
"""
