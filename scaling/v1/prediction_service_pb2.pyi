from google.api import client_pb2 as _client_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from scaling.v1 import fit_pb2 as _fit_pb2
from scaling.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Point(_message.Message):
    __slots__ = ("parameter_count", "token_count")
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    parameter_count: float
    token_count: float
    def __init__(self, parameter_count: _Optional[float] = ..., token_count: _Optional[float] = ...) -> None: ...

class TrainingPath(_message.Message):
    __slots__ = ("tokens_per_parameter", "token_count", "compute_optimal")
    TOKENS_PER_PARAMETER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_OPTIMAL_FIELD_NUMBER: _ClassVar[int]
    tokens_per_parameter: float
    token_count: float
    compute_optimal: bool
    def __init__(self, tokens_per_parameter: _Optional[float] = ..., token_count: _Optional[float] = ..., compute_optimal: bool = ...) -> None: ...

class PredictLossRequest(_message.Message):
    __slots__ = ("fit", "points", "quantile_levels")
    FIT_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    fit: str
    points: _containers.RepeatedCompositeFieldContainer[Point]
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, fit: _Optional[str] = ..., points: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., quantile_levels: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictLossResponse(_message.Message):
    __slots__ = ("fit_version", "quantile_levels", "forecasts")
    FIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    FORECASTS_FIELD_NUMBER: _ClassVar[int]
    fit_version: _fit_pb2.FitVersion
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    forecasts: _containers.RepeatedCompositeFieldContainer[LossForecast]
    def __init__(self, fit_version: _Optional[_Union[_fit_pb2.FitVersion, _Mapping]] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., forecasts: _Optional[_Iterable[_Union[LossForecast, _Mapping]]] = ...) -> None: ...

class LossForecast(_message.Message):
    __slots__ = ("parameter_count", "token_count", "trend_loss_nats_per_token", "run_loss_nats_per_token", "distance_e_folds", "beyond_calibrated_range")
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    TREND_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RUN_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_E_FOLDS_FIELD_NUMBER: _ClassVar[int]
    BEYOND_CALIBRATED_RANGE_FIELD_NUMBER: _ClassVar[int]
    parameter_count: float
    token_count: float
    trend_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    run_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    distance_e_folds: float
    beyond_calibrated_range: bool
    def __init__(self, parameter_count: _Optional[float] = ..., token_count: _Optional[float] = ..., trend_loss_nats_per_token: _Optional[_Iterable[float]] = ..., run_loss_nats_per_token: _Optional[_Iterable[float]] = ..., distance_e_folds: _Optional[float] = ..., beyond_calibrated_range: bool = ...) -> None: ...

class PredictScoreRequest(_message.Message):
    __slots__ = ("fit", "task", "points", "quantile_levels")
    FIT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    fit: str
    task: str
    points: _containers.RepeatedCompositeFieldContainer[Point]
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, fit: _Optional[str] = ..., task: _Optional[str] = ..., points: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., quantile_levels: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictScoreResponse(_message.Message):
    __slots__ = ("fit_version", "task", "quantile_levels", "forecasts")
    FIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    FORECASTS_FIELD_NUMBER: _ClassVar[int]
    fit_version: _fit_pb2.FitVersion
    task: str
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    forecasts: _containers.RepeatedCompositeFieldContainer[ScoreForecast]
    def __init__(self, fit_version: _Optional[_Union[_fit_pb2.FitVersion, _Mapping]] = ..., task: _Optional[str] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., forecasts: _Optional[_Iterable[_Union[ScoreForecast, _Mapping]]] = ...) -> None: ...

class ScoreForecast(_message.Message):
    __slots__ = ("parameter_count", "token_count", "score_quantiles", "emerged_probability", "distance_e_folds", "beyond_calibrated_range")
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCORE_QUANTILES_FIELD_NUMBER: _ClassVar[int]
    EMERGED_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_E_FOLDS_FIELD_NUMBER: _ClassVar[int]
    BEYOND_CALIBRATED_RANGE_FIELD_NUMBER: _ClassVar[int]
    parameter_count: float
    token_count: float
    score_quantiles: _containers.RepeatedScalarFieldContainer[float]
    emerged_probability: float
    distance_e_folds: float
    beyond_calibrated_range: bool
    def __init__(self, parameter_count: _Optional[float] = ..., token_count: _Optional[float] = ..., score_quantiles: _Optional[_Iterable[float]] = ..., emerged_probability: _Optional[float] = ..., distance_e_folds: _Optional[float] = ..., beyond_calibrated_range: bool = ...) -> None: ...

class PredictEmergenceRequest(_message.Message):
    __slots__ = ("fit", "task", "training_path", "quantile_levels", "max_parameter_count")
    FIT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TRAINING_PATH_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    MAX_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    fit: str
    task: str
    training_path: TrainingPath
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    max_parameter_count: float
    def __init__(self, fit: _Optional[str] = ..., task: _Optional[str] = ..., training_path: _Optional[_Union[TrainingPath, _Mapping]] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., max_parameter_count: _Optional[float] = ...) -> None: ...

class PredictEmergenceResponse(_message.Message):
    __slots__ = ("fit_version", "task", "verdict", "statement", "quantile_levels", "onset_loss_nats_per_token", "new_run_onset_loss_nats_per_token", "eta_loss_nats_per_token", "parameter_count", "token_count", "compute_flops", "emerged_probability", "never_probability", "beyond_range_probability", "before_data_probability", "shape_probabilities", "onset_place_probabilities", "not_identified_below_nats_per_token", "training_path_description")
    class ShapeProbabilitiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class OnsetPlaceProbabilitiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    FIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    ONSET_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NEW_RUN_ONSET_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ETA_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    EMERGED_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    NEVER_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    BEYOND_RANGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    BEFORE_DATA_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SHAPE_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    ONSET_PLACE_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    NOT_IDENTIFIED_BELOW_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRAINING_PATH_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    fit_version: _fit_pb2.FitVersion
    task: str
    verdict: str
    statement: str
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    onset_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    new_run_onset_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    eta_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    parameter_count: _containers.RepeatedScalarFieldContainer[float]
    token_count: _containers.RepeatedScalarFieldContainer[float]
    compute_flops: _containers.RepeatedScalarFieldContainer[float]
    emerged_probability: float
    never_probability: float
    beyond_range_probability: float
    before_data_probability: float
    shape_probabilities: _containers.ScalarMap[str, float]
    onset_place_probabilities: _containers.ScalarMap[str, float]
    not_identified_below_nats_per_token: float
    training_path_description: str
    def __init__(self, fit_version: _Optional[_Union[_fit_pb2.FitVersion, _Mapping]] = ..., task: _Optional[str] = ..., verdict: _Optional[str] = ..., statement: _Optional[str] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., onset_loss_nats_per_token: _Optional[_Iterable[float]] = ..., new_run_onset_loss_nats_per_token: _Optional[_Iterable[float]] = ..., eta_loss_nats_per_token: _Optional[_Iterable[float]] = ..., parameter_count: _Optional[_Iterable[float]] = ..., token_count: _Optional[_Iterable[float]] = ..., compute_flops: _Optional[_Iterable[float]] = ..., emerged_probability: _Optional[float] = ..., never_probability: _Optional[float] = ..., beyond_range_probability: _Optional[float] = ..., before_data_probability: _Optional[float] = ..., shape_probabilities: _Optional[_Mapping[str, float]] = ..., onset_place_probabilities: _Optional[_Mapping[str, float]] = ..., not_identified_below_nats_per_token: _Optional[float] = ..., training_path_description: _Optional[str] = ...) -> None: ...
