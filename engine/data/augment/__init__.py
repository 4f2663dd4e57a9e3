"""The transforms of training images: draws as pure functions of (seed, epoch, sample), one warp, colours.

Each works on one decoded image; nothing here reads files or knows of batches.
"""
