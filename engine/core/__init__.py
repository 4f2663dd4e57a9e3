"""What every other package stands on: errors, text, tables, files and signals. It imports no heavy library.

It knows nothing of runs, recipes or training; it imports nothing else of the engine.
"""
