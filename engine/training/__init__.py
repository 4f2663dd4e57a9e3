"""One run from start to end: session, trainer, optimiser, validation, checkpoints, prediction.

Everything that is light enough to be shown or asked without torch lives in the packages it imports.
"""
