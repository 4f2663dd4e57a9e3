"""Helper programs, run by the console as ``python -m engine.tools.NAME`` so that it never imports torch itself.

Each prints its results as JSON lines on stdout; ``helper`` defines their exit codes.
"""
