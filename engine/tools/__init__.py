"""What runs as a process beside the console, ``python -m engine.tools.NAME``, so that the console never imports torch.

Each tells its findings as lines of JSON on stdout; ``helper`` gives them all the same exit codes.
"""
