"""The run directory: its files and lock, names, labels, trash, disk space, and the notification of its end.

The content of the files is defined elsewhere: events in ``journal``, settings in ``recipe``, weights in ``training``.
"""
