"""Augmentation of one decoded training image: sampled parameters, one warp for all geometry, colour jitter.

Parameters are pure functions of (seed, epoch, sample). Independent of files and batches.
"""
