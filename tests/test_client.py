"""The client: what it repeats, what it refuses itself, and what its errors say."""

from __future__ import annotations

import socket
import time

import grpc
import pytest
from google.rpc.code_pb2 import Code

from scaling.client import SERVICE_CONFIG, Client, ServiceError, error_of
from scaling.errors import FitFailed, InvalidInput, OutsideDomain, Violation
from scaling_server.app import SERVICES
from scaling_server.errors import QueueFull
from scaling_server.status import status_of

READING = ("Get", "List", "Predict", "Plan", "Wait")


def test_what_reads_is_retried_and_what_changes_is_not():
    [policy] = SERVICE_CONFIG["methodConfig"]
    retried = {(name["service"], name["method"]) for name in policy["name"]}
    there = {(service.full_name, method.name) for service in SERVICES for method in service.methods}
    assert retried == {name for name in there if name[1].startswith(READING)}
    assert policy["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


@pytest.mark.parametrize(
    "error",
    [
        FitFailed("The chains disagree."),
        InvalidInput("Two faults.", [Violation("a.b[3]", "no"), Violation("c", "neither")]),
        OutsideDomain("Below the floor.", [Violation("loss", "1.2 given")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_library_crosses_the_wire_whole(error):
    arrived = error_of(status_of(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert getattr(arrived, "violations", ()) == getattr(error, "violations", ())


def test_an_error_of_the_server_keeps_its_code_and_reason():
    arrived = error_of(status_of(QueueFull("1000 fits are waiting.", subject="server")))
    assert isinstance(arrived, ServiceError)
    assert (arrived.code, arrived.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert arrived.code.value[0] == Code.RESOURCE_EXHAUSTED
    assert arrived.metadata == {"subject": "server"}


def test_nobody_at_the_address_is_said_plainly():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with Client(address, timeout=5) as client, pytest.raises(ServiceError, match="Is it running") as refused:
        client.server_info()
    assert (refused.value.reason, refused.value.exit_code) == ("UNAVAILABLE", 5)


def test_a_server_that_never_answers_meets_the_deadline():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with Client(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.5) as client, pytest.raises(ServiceError) as late:
            client.server_info()
    assert late.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 2.0


def test_two_goals_are_refused_before_anything_is_sent():
    with Client("127.0.0.1:1") as client, pytest.raises(InvalidInput, match="one of"):
        client.plan_compute("ladder-cpu", budget_flops=1e18, loss=3.0)
    with Client("127.0.0.1:1") as client, pytest.raises(InvalidInput, match="Hold one of"):
        client.predict_emergence("ladder-cpu", "ng2", tokens=1e9, size=1e6)
