"""What people ask of a running run: commands in its spool folder, and what is to be done about each.

Nothing here touches weights: the trainer applies what is decided here.
"""
