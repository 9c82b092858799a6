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
    __slots__ = ("tokens_per_parameter", "token_count", "parameter_count", "compute_optimal")
    TOKENS_PER_PARAMETER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_OPTIMAL_FIELD_NUMBER: _ClassVar[int]
    tokens_per_parameter: float
    token_count: float
    parameter_count: float
    compute_optimal: bool
    def __init__(self, tokens_per_parameter: _Optional[float] = ..., token_count: _Optional[float] = ..., parameter_count: _Optional[float] = ..., compute_optimal: bool = ...) -> None: ...

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
    __slots__ = ("parameter_count", "token_count", "trend_score", "run_score", "emerged_probability", "unknown_probability")
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    TREND_SCORE_FIELD_NUMBER: _ClassVar[int]
    RUN_SCORE_FIELD_NUMBER: _ClassVar[int]
    EMERGED_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    parameter_count: float
    token_count: float
    trend_score: _containers.RepeatedScalarFieldContainer[float]
    run_score: _containers.RepeatedScalarFieldContainer[float]
    emerged_probability: float
    unknown_probability: float
    def __init__(self, parameter_count: _Optional[float] = ..., token_count: _Optional[float] = ..., trend_score: _Optional[_Iterable[float]] = ..., run_score: _Optional[_Iterable[float]] = ..., emerged_probability: _Optional[float] = ..., unknown_probability: _Optional[float] = ...) -> None: ...

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

class PathQuantiles(_message.Message):
    __slots__ = ("parameter_count", "token_count", "compute_flops")
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_FLOPS_FIELD_NUMBER: _ClassVar[int]
    parameter_count: _containers.RepeatedScalarFieldContainer[float]
    token_count: _containers.RepeatedScalarFieldContainer[float]
    compute_flops: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, parameter_count: _Optional[_Iterable[float]] = ..., token_count: _Optional[_Iterable[float]] = ..., compute_flops: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictEmergenceResponse(_message.Message):
    __slots__ = ("fit_version", "task", "statement", "verdict", "training_path", "quantile_levels", "onset_points", "emerged_probability", "shape_probabilities", "onset_place_probabilities", "onset_loss_nats_per_token", "new_run_onset_loss_nats_per_token", "new_run_is_prior_driven", "eta_loss_nats_per_token", "at_onset", "new_run_at_onset", "at_lowest_loss", "max_parameter_count", "before_data_probability", "within_range_probability", "beyond_range_probability", "never_probability", "not_identified_probability", "not_identified_below_nats_per_token", "reliable")
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
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    TRAINING_PATH_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_LEVELS_FIELD_NUMBER: _ClassVar[int]
    ONSET_POINTS_FIELD_NUMBER: _ClassVar[int]
    EMERGED_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SHAPE_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    ONSET_PLACE_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    ONSET_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NEW_RUN_ONSET_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NEW_RUN_IS_PRIOR_DRIVEN_FIELD_NUMBER: _ClassVar[int]
    ETA_LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AT_ONSET_FIELD_NUMBER: _ClassVar[int]
    NEW_RUN_AT_ONSET_FIELD_NUMBER: _ClassVar[int]
    AT_LOWEST_LOSS_FIELD_NUMBER: _ClassVar[int]
    MAX_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_DATA_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    WITHIN_RANGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    BEYOND_RANGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    NEVER_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    NOT_IDENTIFIED_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    NOT_IDENTIFIED_BELOW_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RELIABLE_FIELD_NUMBER: _ClassVar[int]
    fit_version: _fit_pb2.FitVersion
    task: str
    statement: str
    verdict: str
    training_path: str
    quantile_levels: _containers.RepeatedScalarFieldContainer[float]
    onset_points: float
    emerged_probability: float
    shape_probabilities: _containers.ScalarMap[str, float]
    onset_place_probabilities: _containers.ScalarMap[str, float]
    onset_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    new_run_onset_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    new_run_is_prior_driven: bool
    eta_loss_nats_per_token: _containers.RepeatedScalarFieldContainer[float]
    at_onset: PathQuantiles
    new_run_at_onset: PathQuantiles
    at_lowest_loss: PathQuantiles
    max_parameter_count: float
    before_data_probability: float
    within_range_probability: float
    beyond_range_probability: float
    never_probability: float
    not_identified_probability: float
    not_identified_below_nats_per_token: float
    reliable: bool
    def __init__(self, fit_version: _Optional[_Union[_fit_pb2.FitVersion, _Mapping]] = ..., task: _Optional[str] = ..., statement: _Optional[str] = ..., verdict: _Optional[str] = ..., training_path: _Optional[str] = ..., quantile_levels: _Optional[_Iterable[float]] = ..., onset_points: _Optional[float] = ..., emerged_probability: _Optional[float] = ..., shape_probabilities: _Optional[_Mapping[str, float]] = ..., onset_place_probabilities: _Optional[_Mapping[str, float]] = ..., onset_loss_nats_per_token: _Optional[_Iterable[float]] = ..., new_run_onset_loss_nats_per_token: _Optional[_Iterable[float]] = ..., new_run_is_prior_driven: bool = ..., eta_loss_nats_per_token: _Optional[_Iterable[float]] = ..., at_onset: _Optional[_Union[PathQuantiles, _Mapping]] = ..., new_run_at_onset: _Optional[_Union[PathQuantiles, _Mapping]] = ..., at_lowest_loss: _Optional[_Union[PathQuantiles, _Mapping]] = ..., max_parameter_count: _Optional[float] = ..., before_data_probability: _Optional[float] = ..., within_range_probability: _Optional[float] = ..., beyond_range_probability: _Optional[float] = ..., never_probability: _Optional[float] = ..., not_identified_probability: _Optional[float] = ..., not_identified_below_nats_per_token: _Optional[float] = ..., reliable: bool = ...) -> None: ...
