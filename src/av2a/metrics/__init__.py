"""Metrics, one task a file, each with its conventions and its differences from the official script.

Nothing here imports the method that it judges.
"""
