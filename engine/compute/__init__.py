"""Devices, precision and random streams, shared by data and models.

Independent of what is computed.
"""
