"""How long it takes to begin: importing the package, asking the command for help.

Bar: ``import av2a`` under 150 ms, no torch.
"""

import subprocess
import sys
from statistics import median
from time import perf_counter

from benchmarks.report import machine, table

CASES = {
    "python -c pass": ["-c", "pass"],
    "import av2a": ["-c", "import av2a"],
    "import av2a and look up detect": ["-c", "import av2a; av2a.detect"],
    "av2a --help": ["-m", "av2a", "--help"],
}


def main() -> None:
    """Print the table; cases in turn, so that a slow moment hits all."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(11):
        for name, arguments in CASES.items():
            start = perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            times[name].append(perf_counter() - start)
    bare = median(times["python -c pass"])
    loaded = subprocess.run(
        [sys.executable, "-c", "import av2a, sys; print(sorted({'torch', 'transformers', 'av'} & set(sys.modules)))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    table(
        f"Starting ({machine()}; medians of 11; whole process, and beyond a bare interpreter)",
        ["what", "whole", "beyond"],
        [
            [name, f"{median(each) * 1e3:.0f} ms", f"{(median(each) - bare) * 1e3:.0f} ms"]
            for name, each in times.items()
        ],
    )
    print(f"of torch, transformers and av, `import av2a` loads: {loaded}")


if __name__ == "__main__":
    main()
