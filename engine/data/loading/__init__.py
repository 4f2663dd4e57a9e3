"""Images prepared in processes of their own and handed back as batches through shared memory.

What an image goes through is in ``data.augment``; the processes import no torch.
"""
