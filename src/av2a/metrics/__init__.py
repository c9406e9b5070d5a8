"""How right an answer is: one task a file, each with its conventions and how it differs from the official script.

Nothing here imports the method that it judges.
"""
