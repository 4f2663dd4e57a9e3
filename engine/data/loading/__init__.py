"""Image loading in worker processes, which return batches through shared memory.

The processes don't import torch. The transforms are in ``data.augment``.
"""
