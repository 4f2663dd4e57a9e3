"""From files to batches: read, pad and resize, augment, order, load, mix."""
