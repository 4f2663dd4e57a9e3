"""What is done to outliers' files and recorded of them: excluded, quarantined, restored, crash-safe at each rename.

It imports no library that reads an image, so that the console and the command line can restore without torch.
"""
