"""What a run is to do: the recipe's keys with their types and bounds, the learning-rate rule, folders, model names.

Nothing here reads an image or imports torch; a console can check a recipe before any process is started.
"""
