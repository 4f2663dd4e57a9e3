"""Which images look unlike their class: embeddings, autoencoders, and the thresholds on their scores.

It changes no file and writes no event; it returns scores and verdicts.
"""
