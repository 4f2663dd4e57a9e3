"""The history of a run: typed events, the journal they are appended to, and the state folded from them.

Every view, and every resumed attempt, reads the same state from the same file.
"""
