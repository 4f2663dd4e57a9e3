"""Decoded images kept in memory or on disk between epochs, within what the machine and its batch system allow.

It stores pixels by key; what is worth storing is decided in ``data.cache_plan``.
"""
