"""``python -m benchmarks [NAME]``: one benchmark, or all of them."""

import sys
from importlib import import_module

NAMES = (
    "starting",
    "thresholds",
    "sameness",
    "decoding",
    "quality",
    "metrics",
    "store",
    "formats",
    "path",
    "parsers",
    "tuning",
    "encoders",
    "encoders_languagebind",
    "encoders_memory",
    "page",
)
NAMED_ONLY = ("real", "library", "corpora", "corpora_kills")
"""Those that take many minutes, or need clips or weights which are not in the repository."""

if __name__ == "__main__":
    for name in [sys.argv.pop(1)] if len(sys.argv) > 1 else NAMES:
        if name not in (*NAMES, *NAMED_ONLY):
            sys.exit(f"unknown benchmark {name!r}: known: {', '.join((*NAMES, *NAMED_ONLY))}")
        import_module(f"benchmarks.{name}").main()
