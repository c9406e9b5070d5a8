"""The paper's experiments, each one command: every number states its videos, its settings and where it comes from."""
