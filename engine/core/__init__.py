"""Shared by all other packages: errors, text, tables, files and signals.

It imports no heavy library and no other part of the engine, and knows nothing of runs, recipes or training.
"""
