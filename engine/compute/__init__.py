"""The device, its precision, and random streams: what data and model both compute with.

Nothing here knows what is computed.
"""
