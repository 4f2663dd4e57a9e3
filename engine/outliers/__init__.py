"""Finding training images that don't belong to their class, and setting them aside.

``detect`` scores images, ``files`` moves and records them; this package joins the two into the stage before training.
"""
