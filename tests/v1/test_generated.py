"""Generated code is what the protos say; a drift is found without network and without buf."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).parents[2]
PROTOS = sorted((ROOT / "proto" / "scaling" / "v1").glob("*.proto"))


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """Each proto's descriptor by its path, as the installed compiler reads it."""
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    target = tmp_path_factory.mktemp("protos") / "described.binpb"
    bundled = Path(protoc.__file__).parent / "_proto"
    folders = [f"-I{folder}" for folder in (ROOT / "proto", ROOT / "third_party", bundled)]
    arguments = ["protoc", *folders, f"--descriptor_set_out={target}"]
    assert protoc.main([*arguments, *map(str, PROTOS)]) == 0
    described = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    return {file.name: file for file in described.file}


def committed(path: str) -> descriptor_pb2.FileDescriptorProto:
    module = importlib.import_module(path.removesuffix(".proto").replace("/", ".") + "_pb2")
    file = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)
def test_messages_are_what_the_proto_says(proto, described):
    path = f"scaling/v1/{proto.name}"
    assert without_json_names(committed(path)) == without_json_names(described[path])


def test_the_comparison_finds_a_changed_field(described):
    changed = described["scaling/v1/fit.proto"]
    changed.message_type[0].field[0].number += 1000
    assert without_json_names(committed("scaling/v1/fit.proto")) != without_json_names(changed)
    changed.message_type[0].field[0].number -= 1000


@pytest.mark.parametrize(
    "proto", [path for path in PROTOS if path.stem.endswith("_service")], ids=lambda path: path.stem
)
def test_stubs_offer_every_method(proto, described):
    services = described[f"scaling/v1/{proto.name}"].service
    expected = {f"/scaling.v1.{service.name}/{method.name}" for service in services for method in service.method}
    stub = (ROOT / "scaling" / "v1" / f"{proto.stem}_pb2_grpc.py").read_text()
    assert set(re.findall(r"'(/scaling\.v1\.\w+/\w+)'", stub)) == expected


def test_generated_code_runs_with_the_oldest_runtime_allowed():
    code = (ROOT / "scaling" / "v1" / "fit_pb2.py").read_text()
    major, minor = re.findall(r"Domain\.PUBLIC,\s+(\d+),\s+(\d+)", code)[0]
    assert (int(major), int(minor)) == (6, 31)
    assert '"protobuf>=6.31"' in (ROOT / "pyproject.toml").read_text()


def test_protos_pass_buf():
    buf = shutil.which("buf")
    if buf is None:
        pytest.skip("buf is not installed: npm install @bufbuild/buf; .ci/run demands it")
    done = subprocess.run([buf, "lint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def without_json_names(file: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    """The descriptor without what only some compiler versions write."""
    copy = descriptor_pb2.FileDescriptorProto.FromString(file.SerializeToString())
    messages = list(copy.message_type)
    while messages:
        message = messages.pop()
        messages.extend(message.nested_type)
        for field in message.field:
            field.ClearField("json_name")
    for extension in copy.extension:
        extension.ClearField("json_name")
    return copy


def test_the_rules_and_the_limits_that_the_server_tells_are_the_same_numbers():
    from scaling.v1 import dataset_service_pb2, prediction_service_pb2, rules_pb2
    from scaling_server.limits import LIMITS

    def most(message, field):
        return message.DESCRIPTOR.fields_by_name[field].GetOptions().Extensions[rules_pb2.rules].max_items

    for request in (prediction_service_pb2.PredictLossRequest, prediction_service_pb2.PredictScoreRequest):
        assert most(request, "points") == LIMITS.max_point_count
        assert most(request, "quantile_levels") == LIMITS.max_quantile_count
    for field in ("loss_observations", "score_observations"):
        assert most(dataset_service_pb2.AppendObservationsRequest, field) == LIMITS.max_append_row_count
