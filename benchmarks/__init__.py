"""Speed, memory and quality, measured; never part of the tests. `python -m benchmarks NAME`; see docs/benchmarks.md."""
