"""Clips with their truth: public benchmarks, a user's own folder, and the built-in world (``synthetic``)."""
