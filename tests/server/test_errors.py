"""Every refusal has its canonical code, exactly one ErrorInfo and every fault at once; nothing leaves as UNKNOWN."""

from __future__ import annotations

import importlib
import math
import pkgutil

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st

import scaling
import scaling_server
from scaling.errors import InvalidInput, ScalingError, Violation
from scaling.v1 import dataset_pb2, dataset_service_pb2, fit_service_pb2, plan_service_pb2, prediction_service_pb2
from scaling_server.app import SERVICES
from scaling_server.errors import PageTokenMismatch
from scaling_server.rpc import DETAILS_KEY, Method
from scaling_server.status import CODES, DOMAIN, status_of

UUID = "3f2b8c1e-9d4a-4c7b-8a6e-5d0f1e2a3b4c"


def refusal(shared, method: str, request: bytes) -> tuple[grpc.StatusCode, Status]:
    """Code and details of a call that must fail."""
    with shared.channel() as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(method)(request, timeout=10)
    [details] = [value for key, value in refused.value.trailing_metadata() if key == DETAILS_KEY]
    return refused.value.code(), Status.FromString(details)


def details_of(status: Status, kind):
    found = []
    for each in status.details:
        detail = kind()
        if each.Unpack(detail):
            found.append(detail)
    return found


def call(service: str, method: str, request) -> tuple[str, bytes]:
    return f"/{service}/{method}", request.SerializeToString()


def predict(**fields):
    points = [prediction_service_pb2.Point(parameter_count=1e9, token_count=2e10)]
    request = prediction_service_pb2.PredictLossRequest(**({"fit": "fits/ladder-cpu", "points": points} | fields))
    return call("scaling.v1.PredictionService", "PredictLoss", request)


def point(size, tokens):
    return prediction_service_pb2.Point(parameter_count=size, token_count=tokens)


def dataset(method, kind, **fields):
    return call("scaling.v1.DatasetService", method, getattr(dataset_service_pb2, kind)(**fields))


def fit(method, kind, **fields):
    return call("scaling.v1.FitService", method, getattr(fit_service_pb2, kind)(**fields))


CASES = {
    "no fit named": (predict(fit=""), "INVALID_ARGUMENT", "FIELD_INVALID", ["fit"]),
    "malformed name": (predict(fit="fits/A B"), "INVALID_ARGUMENT", "FIELD_INVALID", ["fit"]),
    "no points": (predict(points=[]), "INVALID_ARGUMENT", "FIELD_INVALID", ["points"]),
    "every bad number at once": (
        predict(points=[point(math.nan, 0), point(-1, math.inf)], quantile_levels=[0, 1, math.nan]),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        [
            *("points[0].parameter_count", "points[0].token_count", "points[1].parameter_count"),
            *("points[1].token_count", "quantile_levels[0]", "quantile_levels[1]", "quantile_levels[2]"),
        ],
    ),
    "too many points": (predict(points=[point(1, 1)] * 4097), "INVALID_ARGUMENT", "FIELD_INVALID", ["points"]),
    "absent fit": (predict(fit="fits/nobody"), "NOT_FOUND", "NOT_FOUND", None),
    "absent version": (predict(fit="fits/ladder-cpu/versions/7"), "NOT_FOUND", "NOT_FOUND", None),
    "absent task": (
        call(
            "scaling.v1.PredictionService",
            "PredictEmergence",
            prediction_service_pb2.PredictEmergenceRequest(fit="fits/ladder-cpu", task="chess"),
        ),
        "NOT_FOUND",
        "NOT_FOUND",
        None,
    ),
    "no goal": (
        call("scaling.v1.PlanService", "PlanCompute", plan_service_pb2.PlanComputeRequest(fit="fits/ladder-cpu")),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["budget_flops"],
    ),
    "unknown accelerator": (
        call(
            "scaling.v1.PlanService",
            "PlanCompute",
            plan_service_pb2.PlanComputeRequest(
                fit="fits/ladder-cpu", budget_flops=1e18, hardware=plan_service_pb2.Hardware(accelerator="abacus")
            ),
        ),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["hardware.accelerator"],
    ),
    "a probability of a published point estimate": (
        call(
            "scaling.v1.PlanService",
            "PlanCompute",
            plan_service_pb2.PlanComputeRequest(
                fit="fits/besiroglu-2024", loss_target=plan_service_pb2.LossTarget(loss_nats_per_token=2.2)
            ),
        ),
        "FAILED_PRECONDITION",
        "UNANSWERABLE",
        None,
    ),
    "bad id and request id": (
        dataset("CreateDataset", "CreateDatasetRequest", dataset_id="A", request_id="1"),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["dataset_id", "request_id"],
    ),
    "unknown enum value": (
        dataset("CreateDataset", "CreateDatasetRequest", dataset_id="a", dataset={"size_convention": 77}),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["dataset.size_convention"],
    ),
    "a long text": (
        dataset("CreateDataset", "CreateDatasetRequest", dataset_id="a", dataset={"display_name": "x" * 4097}),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["dataset.display_name"],
    ),
    "nothing to append": (
        dataset("AppendObservations", "AppendObservationsRequest", dataset="datasets/a"),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["loss_observations"],
    ),
    "page size below zero": (
        dataset("ListDatasets", "ListDatasetsRequest", page_size=-1),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["page_size"],
    ),
    "unknown law and a revision that is followed": (
        fit(
            "CreateFit",
            "CreateFitRequest",
            fit_id="a",
            fit={"dataset": "datasets/a/revisions/2", "follow_dataset": True, "law": "murphy"},
        ),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["fit.law", "fit.dataset"],
    ),
    "settings out of range": (
        fit("CreateFit", "CreateFitRequest", fit_id="a", fit={"dataset": "datasets/a", "settings": {"chain_count": 1}}),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        ["fit.settings.chain_count"],
    ),
    "no dataset to fit": (
        fit("CreateFit", "CreateFitRequest", fit_id="a", fit={"dataset": "datasets/nobody"}),
        "NOT_FOUND",
        "NOT_FOUND",
        None,
    ),
    "name of a reference fit": (
        fit("CreateFit", "CreateFitRequest", fit_id="ladder-cpu", fit={"dataset": "datasets/nobody"}),
        "ALREADY_EXISTS",
        "ALREADY_EXISTS",
        None,
    ),
    "deleting a reference fit": (
        fit("DeleteFit", "DeleteFitRequest", name="fits/ladder-cpu"),
        "FAILED_PRECONDITION",
        "REFERENCE_READ_ONLY",
        None,
    ),
    "absent operation": (
        ("/google.longrunning.Operations/GetOperation", b"\x0a\x2boperations/" + b"0" * 32),
        "NOT_FOUND",
        "NOT_FOUND",
        None,
    ),
    "bytes that are no message": (
        ("/scaling.v1.FitService/GetFit", b"\xff\xff"),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        [""],
    ),
    "unknown method": (("/scaling.v1.FitService/Guess", b""), "UNIMPLEMENTED", "METHOD_UNKNOWN", None),
    "unknown service": (("/other.Service/Call", b""), "UNIMPLEMENTED", "METHOD_UNKNOWN", None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_says_all_of_it(shared, case):
    (method, request), code, reason, fields = CASES[case]
    found, status = refusal(shared, method, request)
    assert found is grpc.StatusCode[code]
    [info] = details_of(status, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == (reason, DOMAIN)
    if fields is not None:
        [faults] = details_of(status, error_details_pb2.BadRequest)
        assert [each.field for each in faults.field_violations] == fields
    if code in ("NOT_FOUND", "ALREADY_EXISTS"):
        assert details_of(status, error_details_pb2.ResourceInfo)
    if code == "FAILED_PRECONDITION":
        assert details_of(status, error_details_pb2.PreconditionFailure)


def test_more_faults_than_metadata_can_carry_still_arrive(shared):
    rows = [dataset_pb2.LossObservation(parameter_count=-1)] * 1000
    request = dataset_service_pb2.AppendObservationsRequest(dataset="datasets/a", loss_observations=rows)
    _, status = refusal(shared, "/scaling.v1.DatasetService/AppendObservations", request.SerializeToString())
    [faults] = details_of(status, error_details_pb2.BadRequest)
    assert len(faults.field_violations) > 20
    assert faults.field_violations[-1].description.endswith("correct these and send again")


def test_a_bug_is_internal_with_an_id_and_no_stack(shared):
    async def broken(_request):
        raise ZeroDivisionError("a secret")

    handlers = shared.server._boundary._handlers
    handlers["/test/Broken"] = shared.server._boundary._handler(
        "/test/Broken", Method(fit_service_pb2.ListFitsRequest, broken)
    )
    try:
        code, status = refusal(shared, "/test/Broken", b"")
    finally:
        del handlers["/test/Broken"]
    assert code is grpc.StatusCode.INTERNAL
    [info] = details_of(status, error_details_pb2.ErrorInfo)
    assert info.metadata["error_id"] in status.message
    assert "secret" not in str(status)


# The command line and the client make errors that no server raises.
ELSEWHERE = ("scaling.cli", "scaling.client", "tests.")


def all_errors() -> set[type[ScalingError]]:
    for package in (scaling, scaling_server):
        names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
        for name in names:
            if not name.startswith(ELSEWHERE) and ".migrations." not in name and not name.endswith("__main__"):
                importlib.import_module(name)
    found, todo = set(), [ScalingError]
    while todo:
        kind = todo.pop()
        if kind not in found and not kind.__module__.startswith(ELSEWHERE):
            found.add(kind)
            todo += kind.__subclasses__()
    return found


def test_every_error_has_its_code():
    assert all_errors() == set(CODES)


def test_the_walk_over_errors_finds_one_that_is_missing():
    class Forgotten(ScalingError):
        reason = "FORGOTTEN"

    Forgotten.__module__ = "scaling.errors"
    try:
        assert Forgotten in all_errors() - set(CODES)
    finally:
        Forgotten.__module__ = "tests.server.test_errors"


@pytest.mark.parametrize("kind", sorted(CODES, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_every_status_has_exactly_one_error_info(kind):
    error = kind() if kind is PageTokenMismatch else kind("It is so.")
    status = status_of(error)
    assert len(details_of(status, error_details_pb2.ErrorInfo)) == 1
    assert status.code != grpc.StatusCode.UNKNOWN.value[0]


def test_texts_of_users_fit_into_metadata():
    error = InvalidInput("x" * 100_000, [Violation("f" * 5000, "\ud800é" * 5000)] * 50)
    assert status_of(error).ByteSize() < 6000


METHODS = [
    (f"/{service.full_name}/{method.name}", GetMessageClass(method.input_type))
    for service in SERVICES
    for method in service.methods
    if method.name != "WaitOperation"
]
NUMBERS = st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e308, 1e10]))
NAMES = ["fits/ladder-cpu", "datasets/a", "fits/ladder-cpu/versions/1", "operations/" + "0" * 32, "ng2", UUID]
TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(NAMES), st.just("x" * 5000))


@st.composite
def messages(draw, kind, depth=0):
    message = kind()
    for field in message.DESCRIPTOR.fields:
        if draw(st.booleans()) or (field.message_type is not None and field.message_type.GetOptions().map_entry):
            continue
        count = draw(st.integers(0, 3)) if field.is_repeated else 1
        for _ in range(count):
            if field.message_type is not None:
                if depth < 3 and not field.message_type.full_name.startswith("google."):
                    inner = draw(messages(GetMessageClass(field.message_type), depth + 1))
                    target = getattr(message, field.name)
                    target.add().CopyFrom(inner) if field.is_repeated else target.CopyFrom(inner)
                continue
            value = draw(values(field))
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def values(field: FieldDescriptor):
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return NUMBERS
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_STRING:
            return TEXTS
        case FieldDescriptor.CPPTYPE_ENUM | FieldDescriptor.CPPTYPE_INT32:
            return st.sampled_from([0, 1, 2, 99, -1, 2**31 - 1])
        case _:
            return st.sampled_from([0, 1, -1, 2**62])


@pytest.mark.parametrize(("path", "kind"), METHODS, ids=lambda value: value if isinstance(value, str) else "")
def test_random_messages_are_answered_or_refused_with_reasons(shared, path, kind):
    with shared.channel() as channel:
        method = channel.unary_unary(path)

        @settings(max_examples=15)
        @given(messages(kind))
        def probe(request):
            require_answer_or_reason(method, request)

        probe()


ALLOWED = [1.0, 1e6, 1e15, 1e30]
EXTREMES = [5e-324, 1e-3, *ALLOWED, 1e40, 1.7e308]


@pytest.mark.parametrize("size", EXTREMES)
def test_numbers_at_the_edge_of_float64_are_no_bugs(shared, size):
    fit, task = "fits/ladder-cpu", "ng2"
    questions = [
        predict(points=[point(size, tokens) for tokens in ALLOWED]),
        call(
            "scaling.v1.PredictionService",
            "PredictScore",
            prediction_service_pb2.PredictScoreRequest(fit=fit, task=task, points=[point(size, t) for t in ALLOWED]),
        ),
        *(
            call(
                "scaling.v1.PredictionService",
                "PredictEmergence",
                prediction_service_pb2.PredictEmergenceRequest(
                    fit=fit, task=task, training_path={held: size}, max_parameter_count=size
                ),
            )
            for held in ("tokens_per_parameter", "token_count", "parameter_count")
        ),
        *(
            call(
                "scaling.v1.PlanService",
                "PlanCompute",
                plan_service_pb2.PlanComputeRequest(fit=fit, training_path={"tokens_per_parameter": 20}, **goal),
            )
            for goal in ({"budget_flops": size}, {"loss_target": {"loss_nats_per_token": size}})
        ),
    ]
    with shared.channel() as channel:
        for path, request in questions:
            require_answer_or_reason(channel.unary_unary(path), request)


def require_answer_or_reason(method, request) -> None:
    data = request if isinstance(request, bytes) else request.SerializeToString()
    try:
        method(data, timeout=20)
    except grpc.RpcError as refused:
        code, metadata = refused.code(), refused.trailing_metadata()
    else:
        return
    assert code not in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL), request
    [details] = [value for key, value in metadata if key == DETAILS_KEY]
    assert len(details_of(Status.FromString(details), error_details_pb2.ErrorInfo)) == 1
