"""What happened to a run: the typed events, the file they are appended to, and the state folded from them.

Nothing here decides or trains; each view and each resume reads the same state from the same file.
"""
