import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from scaling.v1 import dataset_pb2 as _dataset_pb2
from scaling.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FitState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIT_STATE_UNSPECIFIED: _ClassVar[FitState]
    FIT_STATE_CREATING: _ClassVar[FitState]
    FIT_STATE_ACTIVE: _ClassVar[FitState]
    FIT_STATE_FAILED: _ClassVar[FitState]
    FIT_STATE_CANCELLED: _ClassVar[FitState]

class StaleReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STALE_REASON_UNSPECIFIED: _ClassVar[StaleReason]
    STALE_REASON_REFIT_PENDING: _ClassVar[StaleReason]
    STALE_REASON_REFIT_FAILED: _ClassVar[StaleReason]
    STALE_REASON_REFIT_CANCELLED: _ClassVar[StaleReason]
FIT_STATE_UNSPECIFIED: FitState
FIT_STATE_CREATING: FitState
FIT_STATE_ACTIVE: FitState
FIT_STATE_FAILED: FitState
FIT_STATE_CANCELLED: FitState
STALE_REASON_UNSPECIFIED: StaleReason
STALE_REASON_REFIT_PENDING: StaleReason
STALE_REASON_REFIT_FAILED: StaleReason
STALE_REASON_REFIT_CANCELLED: StaleReason

class Fit(_message.Message):
    __slots__ = ("name", "dataset", "follow_dataset", "law", "tasks", "settings", "state", "version", "dataset_revision", "data_digest", "stale_reason", "stale_message", "operation", "error", "reference", "size_convention", "validation_set", "formula", "coefficients", "point_coefficients", "diagnostics", "findings", "fitted_tasks", "artefact_digests", "software_versions", "create_time", "end_time", "backtest")
    class CoefficientsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Quantiles
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Quantiles, _Mapping]] = ...) -> None: ...
    class PointCoefficientsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class ArtefactDigestsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SoftwareVersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_DATASET_FIELD_NUMBER: _ClassVar[int]
    LAW_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATASET_REVISION_FIELD_NUMBER: _ClassVar[int]
    DATA_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STALE_REASON_FIELD_NUMBER: _ClassVar[int]
    STALE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    SIZE_CONVENTION_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SET_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    COEFFICIENTS_FIELD_NUMBER: _ClassVar[int]
    POINT_COEFFICIENTS_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    FITTED_TASKS_FIELD_NUMBER: _ClassVar[int]
    ARTEFACT_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    BACKTEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    dataset: str
    follow_dataset: bool
    law: str
    tasks: _containers.RepeatedScalarFieldContainer[str]
    settings: FitSettings
    state: FitState
    version: str
    dataset_revision: str
    data_digest: str
    stale_reason: StaleReason
    stale_message: str
    operation: str
    error: _status_pb2.Status
    reference: bool
    size_convention: _dataset_pb2.SizeConvention
    validation_set: str
    formula: str
    coefficients: _containers.MessageMap[str, Quantiles]
    point_coefficients: _containers.ScalarMap[str, float]
    diagnostics: SampleDiagnostics
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    fitted_tasks: _containers.RepeatedScalarFieldContainer[str]
    artefact_digests: _containers.ScalarMap[str, str]
    software_versions: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    backtest: _containers.RepeatedCompositeFieldContainer[BacktestSummary]
    def __init__(self, name: _Optional[str] = ..., dataset: _Optional[str] = ..., follow_dataset: bool = ..., law: _Optional[str] = ..., tasks: _Optional[_Iterable[str]] = ..., settings: _Optional[_Union[FitSettings, _Mapping]] = ..., state: _Optional[_Union[FitState, str]] = ..., version: _Optional[str] = ..., dataset_revision: _Optional[str] = ..., data_digest: _Optional[str] = ..., stale_reason: _Optional[_Union[StaleReason, str]] = ..., stale_message: _Optional[str] = ..., operation: _Optional[str] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., reference: bool = ..., size_convention: _Optional[_Union[_dataset_pb2.SizeConvention, str]] = ..., validation_set: _Optional[str] = ..., formula: _Optional[str] = ..., coefficients: _Optional[_Mapping[str, Quantiles]] = ..., point_coefficients: _Optional[_Mapping[str, float]] = ..., diagnostics: _Optional[_Union[SampleDiagnostics, _Mapping]] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., fitted_tasks: _Optional[_Iterable[str]] = ..., artefact_digests: _Optional[_Mapping[str, str]] = ..., software_versions: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., backtest: _Optional[_Iterable[_Union[BacktestSummary, _Mapping]]] = ...) -> None: ...

class FitSettings(_message.Message):
    __slots__ = ("seed", "chain_count", "warmup_count", "draw_count", "target_acceptance", "max_r_hat", "min_effective_sample_size", "max_divergence_count", "discrepancy_scale")
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHAIN_COUNT_FIELD_NUMBER: _ClassVar[int]
    WARMUP_COUNT_FIELD_NUMBER: _ClassVar[int]
    DRAW_COUNT_FIELD_NUMBER: _ClassVar[int]
    TARGET_ACCEPTANCE_FIELD_NUMBER: _ClassVar[int]
    MAX_R_HAT_FIELD_NUMBER: _ClassVar[int]
    MIN_EFFECTIVE_SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_DIVERGENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DISCREPANCY_SCALE_FIELD_NUMBER: _ClassVar[int]
    seed: int
    chain_count: int
    warmup_count: int
    draw_count: int
    target_acceptance: float
    max_r_hat: float
    min_effective_sample_size: float
    max_divergence_count: int
    discrepancy_scale: float
    def __init__(self, seed: _Optional[int] = ..., chain_count: _Optional[int] = ..., warmup_count: _Optional[int] = ..., draw_count: _Optional[int] = ..., target_acceptance: _Optional[float] = ..., max_r_hat: _Optional[float] = ..., min_effective_sample_size: _Optional[float] = ..., max_divergence_count: _Optional[int] = ..., discrepancy_scale: _Optional[float] = ...) -> None: ...

class Quantiles(_message.Message):
    __slots__ = ("low", "median", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    median: float
    high: float
    def __init__(self, low: _Optional[float] = ..., median: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class SampleDiagnostics(_message.Message):
    __slots__ = ("max_r_hat", "min_bulk_effective_sample_size", "min_tail_effective_sample_size", "divergence_count", "min_energy_fraction")
    MAX_R_HAT_FIELD_NUMBER: _ClassVar[int]
    MIN_BULK_EFFECTIVE_SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_TAIL_EFFECTIVE_SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    DIVERGENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MIN_ENERGY_FRACTION_FIELD_NUMBER: _ClassVar[int]
    max_r_hat: float
    min_bulk_effective_sample_size: float
    min_tail_effective_sample_size: float
    divergence_count: int
    min_energy_fraction: float
    def __init__(self, max_r_hat: _Optional[float] = ..., min_bulk_effective_sample_size: _Optional[float] = ..., min_tail_effective_sample_size: _Optional[float] = ..., divergence_count: _Optional[int] = ..., min_energy_fraction: _Optional[float] = ...) -> None: ...

class BacktestSummary(_message.Message):
    __slots__ = ("factor_above", "factor_at_most", "forecast_count", "mean_relative_error", "relative_bias", "cover", "mean_relative_width", "interval_score", "crps_nats_per_token")
    FACTOR_ABOVE_FIELD_NUMBER: _ClassVar[int]
    FACTOR_AT_MOST_FIELD_NUMBER: _ClassVar[int]
    FORECAST_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_RELATIVE_ERROR_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_BIAS_FIELD_NUMBER: _ClassVar[int]
    COVER_FIELD_NUMBER: _ClassVar[int]
    MEAN_RELATIVE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_SCORE_FIELD_NUMBER: _ClassVar[int]
    CRPS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    factor_above: float
    factor_at_most: float
    forecast_count: int
    mean_relative_error: float
    relative_bias: float
    cover: float
    mean_relative_width: float
    interval_score: float
    crps_nats_per_token: float
    def __init__(self, factor_above: _Optional[float] = ..., factor_at_most: _Optional[float] = ..., forecast_count: _Optional[int] = ..., mean_relative_error: _Optional[float] = ..., relative_bias: _Optional[float] = ..., cover: _Optional[float] = ..., mean_relative_width: _Optional[float] = ..., interval_score: _Optional[float] = ..., crps_nats_per_token: _Optional[float] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class FitVersion(_message.Message):
    __slots__ = ("version", "data_digest", "dataset_revision", "stale_reason", "stale_message")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATA_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATASET_REVISION_FIELD_NUMBER: _ClassVar[int]
    STALE_REASON_FIELD_NUMBER: _ClassVar[int]
    STALE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    version: str
    data_digest: str
    dataset_revision: str
    stale_reason: StaleReason
    stale_message: str
    def __init__(self, version: _Optional[str] = ..., data_digest: _Optional[str] = ..., dataset_revision: _Optional[str] = ..., stale_reason: _Optional[_Union[StaleReason, str]] = ..., stale_message: _Optional[str] = ...) -> None: ...

class FitOperationMetadata(_message.Message):
    __slots__ = ("fit", "version", "dataset_revision", "state", "phase", "done_count", "total_count", "divergence_count", "max_r_hat", "min_effective_sample_size", "attempt", "warm_started", "create_time", "start_time", "end_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[FitOperationMetadata.State]
        STATE_QUEUED: _ClassVar[FitOperationMetadata.State]
        STATE_RUNNING: _ClassVar[FitOperationMetadata.State]
        STATE_SUCCEEDED: _ClassVar[FitOperationMetadata.State]
        STATE_FAILED: _ClassVar[FitOperationMetadata.State]
        STATE_CANCELLED: _ClassVar[FitOperationMetadata.State]
    STATE_UNSPECIFIED: FitOperationMetadata.State
    STATE_QUEUED: FitOperationMetadata.State
    STATE_RUNNING: FitOperationMetadata.State
    STATE_SUCCEEDED: FitOperationMetadata.State
    STATE_FAILED: FitOperationMetadata.State
    STATE_CANCELLED: FitOperationMetadata.State
    FIT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATASET_REVISION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    DIVERGENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_R_HAT_FIELD_NUMBER: _ClassVar[int]
    MIN_EFFECTIVE_SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WARM_STARTED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    fit: str
    version: str
    dataset_revision: str
    state: FitOperationMetadata.State
    phase: str
    done_count: int
    total_count: int
    divergence_count: int
    max_r_hat: float
    min_effective_sample_size: float
    attempt: int
    warm_started: bool
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, fit: _Optional[str] = ..., version: _Optional[str] = ..., dataset_revision: _Optional[str] = ..., state: _Optional[_Union[FitOperationMetadata.State, str]] = ..., phase: _Optional[str] = ..., done_count: _Optional[int] = ..., total_count: _Optional[int] = ..., divergence_count: _Optional[int] = ..., max_r_hat: _Optional[float] = ..., min_effective_sample_size: _Optional[float] = ..., attempt: _Optional[int] = ..., warm_started: bool = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
