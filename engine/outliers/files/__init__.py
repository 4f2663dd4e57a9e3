"""Exclusion, quarantine, deletion and restoration of outliers' files, crash-safe at each rename.

Imports neither torch nor an image library, so that the console and the command line can restore images quickly.
"""
