"""What a run should do: recipe keys with types and bounds, learning-rate schedules, data folders, model names.

Imports neither torch nor an image library, so that the console can check a recipe before it starts a process.
"""
