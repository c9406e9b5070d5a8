"""What all tests share."""

import os
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import config, install_import_hook

# While the hook below imports a module, all that this one imports in turn is compiled anew. Where all tests run, that is torch and
# much more in each process, so the large libraries are imported beforehand.
if "PYTEST_XDIST_WORKER" in os.environ:
    for library in ("torch", "transformers", "sklearn.linear_model", "matplotlib.figure", "pandas", "optuna", "ray"):
        with suppress(ImportError):
            import_module(library)

# Check every array shape and dtype of the package while the tests run, and only then. The checker makes each call of a
# function slower, so modules that declare no arrays are left as they are.
SOURCE = Path(__file__).resolve().parents[1] / "src"
install_import_hook(
    [
        ".".join(file.relative_to(SOURCE).with_suffix("").parts)
        for file in sorted(SOURCE.rglob("*.py"))
        if "from jaxtyping import" in file.read_text(encoding="utf-8")
    ],
    "beartype.beartype",
)

# The same examples in every run; a slow machine is no failure.
settings.register_profile("av2a", deadline=None, derandomize=True)
settings.load_profile("av2a")


# No test reads or writes the user's own cache of label rows.
os.environ["AV2A_CACHE"] = ""


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def shared(root: Path) -> Path:
    """The folder of reference data beside the checkout; the test is skipped where there is none."""
    folder = root.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder of reference data (../shared) beside the checkout")
    return folder


@pytest.fixture
def without_shape_checks() -> Iterator[None]:
    """As users run the package: its own refusals answer, not the shape checker's."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
