"""The data pipeline: data set, sampling order, decoding, augmentation, loading and cache.

Independent of models and training. Everything random is a function of (seed, epoch, sample).
"""
