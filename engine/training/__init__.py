"""One run from start to end: session, trainer, optimiser, validation, checkpoints, prediction.

Code that works without torch belongs to the packages below this one.
"""
