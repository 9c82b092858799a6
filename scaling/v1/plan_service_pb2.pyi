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
    __slots__ = ("accelerator", "accelerator_count", "peak_flops_per_second", "median_utilisation", "log_utilisation_spread", "usd_per_hour")
    ACCELERATOR_FIELD_NUMBER: _ClassVar[int]
    ACCELERATOR_COUNT_FIELD_NUMBER: _ClassVar[int]
    PEAK_FLOPS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_UTILISATION_FIELD_NUMBER: _ClassVar[int]
    LOG_UTILISATION_SPREAD_FIELD_NUMBER: _ClassVar[int]
    USD_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    accelerator: str
    accelerator_count: int
    peak_flops_per_second: float
    median_utilisation: float
    log_utilisation_spread: float
    usd_per_hour: float
    def __init__(self, accelerator: _Optional[str] = ..., accelerator_count: _Optional[int] = ..., peak_flops_per_second: _Optional[float] = ..., median_utilisation: _Optional[float] = ..., log_utilisation_spread: _Optional[float] = ..., usd_per_hour: _Optional[float] = ...) -> None: ...

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
    __slots__ = ("fit_version", "goal", "statement", "quantile_levels", "compute_flops", "parameter_count", "token_count", "run", "probability", "never_probability", "max_compute_flops", "cost")
    FIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    NEVER_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    MAX_COMPUTE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    fit_version: _fit_pb2.FitVersion
    goal: str
    statement: str
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    compute_flops: _containers.RepeatedScalarFieldContainer[float]
    parameter_count: _containers.RepeatedScalarFieldContainer[float]
    token_count: _containers.RepeatedScalarFieldContainer[float]
    run: PlannedRun
    probability: float
    never_probability: float
    max_compute_flops: float
    cost: Cost
    def __init__(self, fit_version: _Optional[_Union[_fit_pb2.FitVersion, _Mapping]] = ..., goal: _Optional[str] = ..., statement: _Optional[str] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., compute_flops: _Optional[_Iterable[float]] = ..., parameter_count: _Optional[_Iterable[float]] = ..., token_count: _Optional[_Iterable[float]] = ..., run: _Optional[_Union[PlannedRun, _Mapping]] = ..., probability: _Optional[float] = ..., never_probability: _Optional[float] = ..., max_compute_flops: _Optional[float] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ...) -> None: ...

class PlannedRun(_message.Message):
    __slots__ = ("compute_flops", "parameter_count", "token_count", "layer_count", "width", "smallest_equivalent_parameter_count", "largest_equivalent_parameter_count", "forecast")
    COMPUTE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAYER_COUNT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_EQUIVALENT_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    LARGEST_EQUIVALENT_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    compute_flops: float
    parameter_count: float
    token_count: float
    layer_count: int
    width: int
    smallest_equivalent_parameter_count: float
    largest_equivalent_parameter_count: float
    forecast: _prediction_service_pb2.LossForecast
    def __init__(self, compute_flops: _Optional[float] = ..., parameter_count: _Optional[float] = ..., token_count: _Optional[float] = ..., layer_count: _Optional[int] = ..., width: _Optional[int] = ..., smallest_equivalent_parameter_count: _Optional[float] = ..., largest_equivalent_parameter_count: _Optional[float] = ..., forecast: _Optional[_Union[_prediction_service_pb2.LossForecast, _Mapping]] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("accelerator_hours", "days", "usd", "hardware", "peak_source", "price_source")
    ACCELERATOR_HOURS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    USD_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_FIELD_NUMBER: _ClassVar[int]
    PEAK_SOURCE_FIELD_NUMBER: _ClassVar[int]
    PRICE_SOURCE_FIELD_NUMBER: _ClassVar[int]
    accelerator_hours: _containers.RepeatedScalarFieldContainer[float]
    days: _containers.RepeatedScalarFieldContainer[float]
    usd: _containers.RepeatedScalarFieldContainer[float]
    hardware: Hardware
    peak_source: str
    price_source: str
    def __init__(self, accelerator_hours: _Optional[_Iterable[float]] = ..., days: _Optional[_Iterable[float]] = ..., usd: _Optional[_Iterable[float]] = ..., hardware: _Optional[_Union[Hardware, _Mapping]] = ..., peak_source: _Optional[str] = ..., price_source: _Optional[str] = ...) -> None: ...
