"""Remarks of encoders, handed to the run that asked."""

import logging

import pytest

from av2a.backbones.device import BatchSize
from av2a.backbones.remarks import LOGGER, remarks_to


def test_a_run_hears_each_warning_once_and_nothing_less_grave() -> None:
    heard: list[str] = []
    log = logging.getLogger(f"{LOGGER}.running")
    with remarks_to(heard.append):
        log.info("a detail")
        for number in (1, 2, 1):
            log.warning("remark %d", number)
    assert heard == ["remark 1", "remark 2"]


def test_a_batch_that_did_not_fit_is_a_remark() -> None:
    heard: list[str] = []
    with remarks_to(heard.append):
        BatchSize(16).shrink(16)
    assert heard == ["memory does not suffice for 16 at a time: going on with fewer"]


def test_nothing_is_heard_after_the_run_also_when_it_failed() -> None:
    heard: list[str] = []
    with pytest.raises(KeyError), remarks_to(heard.append):
        raise KeyError
    logging.getLogger(LOGGER).warning("too late")
    assert heard == []


def test_what_other_parts_log_is_no_remark(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    with remarks_to(heard.append):
        logging.getLogger("av2a.media").warning("elsewhere")
    assert heard == [] and "elsewhere" in caplog.text
