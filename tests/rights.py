"""A program that permissions bind, also where root runs the tests."""

import ctypes
import os

import pytest

_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2
_CANNOT = 77


def bound_by_permissions() -> None:
    """Before a program starts (``preexec_fn``): not even root reads or writes where permissions forbid it."""
    if os.geteuid() == 0:
        for right in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            if ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, right, 0, 0, 0):
                os._exit(_CANNOT)


def skip_where_rights_remain(status: int) -> None:
    """Skip the test whose program ended with ``status``, if root could not give up its rights."""
    if status == _CANNOT:
        pytest.skip("root cannot give up its rights here")
