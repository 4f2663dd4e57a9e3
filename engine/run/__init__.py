"""The run directory: its files and lock, names, labels, trash, room on the disk, and what says that it has ended.

What the files mean lives elsewhere: events in ``journal``, settings in ``recipe``, weights in ``training``.
"""
