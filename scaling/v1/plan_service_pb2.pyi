from google.api import client_pb2 as _client_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from scaling.v1 import fit_pb2 as _fit_pb2
from scaling.v1 import prediction_service_pb2 as _prediction_service_pb2
from scaling.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskTarget(_message.Message):
    __slots__ = ("task", "probability")
    TASK_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    task: str
    probability: float
    def __init__(self, task: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class LossTarget(_message.Message):
    __slots__ = ("loss_nats_per_token", "probability")
    LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    loss_nats_per_token: float
    probability: float
    def __init__(self, loss_nats_per_token: _Optional[float] = ..., probability: _Optional[float] = ...) -> None: ...

class Hardware(_message.Message):
    __slots__ = ("accelerator", "accelerator_count", "peak_flops_per_second", "utilisation", "log_utilisation_sd", "usd_per_hour")
    ACCELERATOR_FIELD_NUMBER: _ClassVar[int]
    ACCELERATOR_COUNT_FIELD_NUMBER: _ClassVar[int]
    PEAK_FLOPS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    UTILISATION_FIELD_NUMBER: _ClassVar[int]
    LOG_UTILISATION_SD_FIELD_NUMBER: _ClassVar[int]
    USD_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    accelerator: str
    accelerator_count: float
    peak_flops_per_second: float
    utilisation: float
    log_utilisation_sd: float
    usd_per_hour: float
    def __init__(self, accelerator: _Optional[str] = ..., accelerator_count: _Optional[float] = ..., peak_flops_per_second: _Optional[float] = ..., utilisation: _Optional[float] = ..., log_utilisation_sd: _Optional[float] = ..., usd_per_hour: _Optional[float] = ...) -> None: ...

class PlanComputeRequest(_message.Message):
    __slots__ = ("fit", "budget_flops", "loss_target", "task_target", "training_path", "hardware", "quantile_levels")
    FIT_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FLOPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_TARGET_FIELD_NUMBER: _ClassVar[int]
    TASK_TARGET_FIELD_NUMBER: _ClassVar[int]
    TRAINING_PATH_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    fit: str
    budget_flops: float
    loss_target: LossTarget
    task_target: TaskTarget
    training_path: _prediction_service_pb2.TrainingPath
    hardware: Hardware
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, fit: _Optional[str] = ..., budget_flops: _Optional[float] = ..., loss_target: _Optional[_Union[LossTarget, _Mapping]] = ..., task_target: _Optional[_Union[TaskTarget, _Mapping]] = ..., training_path: _Optional[_Union[_prediction_service_pb2.TrainingPath, _Mapping]] = ..., hardware: _Optional[_Union[Hardware, _Mapping]] = ..., quantile_levels: _Optional[_Iterable[float]] = ...) -> None: ...

class PlanComputeResponse(_message.Message):
    __slots__ = ("fit_version", "quantile_levels", "compute_flops", "parameter_count", "token_count", "loss_nats_per_token", "planned_compute_flops", "planned_parameter_count", "planned_token_count", "never_probability", "probability", "cost", "statement")
    FIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PLANNED_COMPUTE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    PLANNED_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    PLANNED_TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEVER_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    fit_version: _fit_pb2.FitVersion
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    compute_flops: _containers.RepeatedScalarFieldContainer[float]
    parameter_count: _containers.RepeatedScalarFieldContainer[float]
    token_count: _containers.RepeatedScalarFieldContainer[float]
    loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    planned_compute_flops: float
    planned_parameter_count: float
    planned_token_count: float
    never_probability: float
    probability: float
    cost: Cost
    statement: str
    def __init__(self, fit_version: _Optional[_Union[_fit_pb2.FitVersion, _Mapping]] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., compute_flops: _Optional[_Iterable[float]] = ..., parameter_count: _Optional[_Iterable[float]] = ..., token_count: _Optional[_Iterable[float]] = ..., loss_nats_per_token: _Optional[_Iterable[float]] = ..., planned_compute_flops: _Optional[float] = ..., planned_parameter_count: _Optional[float] = ..., planned_token_count: _Optional[float] = ..., never_probability: _Optional[float] = ..., probability: _Optional[float] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ..., statement: _Optional[str] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("accelerator_hours", "days", "usd", "hardware", "source")
    ACCELERATOR_HOURS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    USD_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    accelerator_hours: _containers.RepeatedScalarFieldContainer[float]
    days: _containers.RepeatedScalarFieldContainer[float]
    usd: _containers.RepeatedScalarFieldContainer[float]
    hardware: Hardware
    source: str
    def __init__(self, accelerator_hours: _Optional[_Iterable[float]] = ..., days: _Optional[_Iterable[float]] = ..., usd: _Optional[_Iterable[float]] = ..., hardware: _Optional[_Union[Hardware, _Mapping]] = ..., source: _Optional[str] = ...) -> None: ...
