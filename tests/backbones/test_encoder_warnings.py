"""Warnings of encoders, collected for the run that made the call."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from av2a.backbones.device import BatchSize
from av2a.backbones.encoder_warnings import collected_warnings, warn


def test_each_warning_is_collected_once_and_in_order() -> None:
    with collected_warnings() as warnings:
        for number in (1, 2, 1):
            warn(f"warning {number}")
    assert warnings == ["warning 1", "warning 2"]


def test_a_batch_that_did_not_fit_is_a_warning() -> None:
    with collected_warnings() as warnings:
        BatchSize(16).shrink(16)
    assert warnings == ["memory does not suffice for 16 at a time: going on with fewer"]


def test_two_threads_never_collect_each_other_s(caplog: pytest.LogCaptureFixture) -> None:
    both = Barrier(2, timeout=30)

    def run(name: str) -> list[str]:
        with collected_warnings() as warnings:
            for number in range(3):
                both.wait()
                warn(f"{name} {number}")
            both.wait()
        return warnings

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(run, ["one", "two"]))
    assert answers == [[f"{name} {number}" for number in range(3)] for name in ("one", "two")]
    assert not caplog.records


@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL])
def test_what_is_logged_changes_nothing(level: int) -> None:
    logger = logging.getLogger("av2a")
    before = logger.level
    logger.setLevel(level)
    try:
        with collected_warnings() as warnings:
            warn("heard")
    finally:
        logger.setLevel(before)
    assert warnings == ["heard"]


def test_outside_of_a_collector_a_warning_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError), collected_warnings() as warnings:
        raise KeyError
    warn("too late")
    assert warnings == []
    assert [record.message for record in caplog.records] == ["too late"]
