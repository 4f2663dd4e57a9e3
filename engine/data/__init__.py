"""From files to batches on the device: the data set, its order, decoding, augmentation, loading and the cache.

It knows nothing of models or of training; everything random is a function of (seed, epoch, sample).
"""
