"""A cache of decoded images between epochs, in memory or on disk, within the limits of machine and batch system.

Stores pixels by key; ``data.cache_plan`` decides which images are stored where.
"""
