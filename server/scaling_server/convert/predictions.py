"""Forecasts and plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scaling.compute import Accelerator, Utilisation, accelerator
from scaling.emergence import AbstractPath, ComputeOptimal, FixedRatio, FixedSize, FixedTokens
from scaling.errors import InvalidInput, NotFound, Violation
from scaling.plan import ComputePlan, Cost, Hardware
from scaling.predict.emergence import EmergenceForecast, Quantiles
from scaling.predict.loss import DEFAULT_LEVELS, LossForecast
from scaling.predict.score import ScoreForecast
from scaling.v1 import fit_pb2, plan_service_pb2, prediction_service_pb2


def levels_of(request: Any) -> tuple[float, ...]:
    """Quantile levels asked for, or the library's."""
    return tuple(request.quantile_levels) or DEFAULT_LEVELS


def points_of(points: Sequence[prediction_service_pb2.Point]) -> tuple[Any, Any]:
    """Sizes and tokens as arrays [point]."""
    size = np.fromiter((point.parameter_count for point in points), dtype=np.float64, count=len(points))
    tokens = np.fromiter((point.token_count for point in points), dtype=np.float64, count=len(points))
    return size, tokens


def path_of(path: prediction_service_pb2.TrainingPath) -> AbstractPath:
    """How size and tokens grow together; compute-optimal where nothing is held."""
    match path.WhichOneof("path"):
        case "tokens_per_parameter":
            return FixedRatio(path.tokens_per_parameter)
        case "token_count":
            return FixedTokens(path.token_count)
        case "parameter_count":
            return FixedSize(path.parameter_count)
        case _:
            return ComputeOptimal()


def loss_response(forecast: LossForecast, version: fit_pb2.FitVersion) -> prediction_service_pb2.PredictLossResponse:
    """A forecast of the loss."""
    return prediction_service_pb2.PredictLossResponse(
        fit_version=version, quantile_levels=forecast.levels, forecasts=loss_forecasts(forecast)
    )


def loss_forecasts(forecast: LossForecast) -> list[prediction_service_pb2.LossForecast]:
    """One message a point."""
    columns = zip(
        forecast.n.tolist(),
        forecast.d.tolist(),
        forecast.trend_quantiles.T.tolist(),
        forecast.run_quantiles.T.tolist(),
        forecast.distance.tolist(),
        forecast.beyond_calibrated.tolist(),
        strict=True,
    )
    return [
        prediction_service_pb2.LossForecast(
            parameter_count=size,
            token_count=tokens,
            trend_loss_nats_per_token=trend,
            run_loss_nats_per_token=run,
            distance_e_folds=distance,
            beyond_calibrated_range=beyond,
        )
        for size, tokens, trend, run, distance, beyond in columns
    ]


def score_response(forecast: ScoreForecast, version: fit_pb2.FitVersion) -> prediction_service_pb2.PredictScoreResponse:
    """A forecast of a task's score."""
    columns = zip(
        forecast.n.tolist(),
        forecast.d.tolist(),
        forecast.trend_quantiles.T.tolist(),
        forecast.run_quantiles.T.tolist(),
        forecast.p_emerged.tolist(),
        forecast.p_unknown.tolist(),
        strict=True,
    )
    return prediction_service_pb2.PredictScoreResponse(
        fit_version=version,
        task=forecast.task,
        quantile_levels=forecast.levels,
        forecasts=[
            prediction_service_pb2.ScoreForecast(
                parameter_count=size,
                token_count=tokens,
                trend_score=trend,
                run_score=run,
                emerged_probability=emerged,
                unknown_probability=unknown,
            )
            for size, tokens, trend, run, emerged, unknown in columns
        ],
    )


def emergence_response(
    forecast: EmergenceForecast, version: fit_pb2.FitVersion
) -> prediction_service_pb2.PredictEmergenceResponse:
    """A forecast of where a task emerges."""
    return prediction_service_pb2.PredictEmergenceResponse(
        fit_version=version,
        task=forecast.task,
        statement=forecast.statement,
        verdict=forecast.verdict.value,
        training_path=forecast.path,
        quantile_levels=forecast.levels,
        onset_points=forecast.onset_points,
        emerged_probability=forecast.p_emerged,
        shape_probabilities=dict(forecast.shape_probabilities),
        onset_place_probabilities={place.value: chance for place, chance in forecast.onset_place.items()},
        onset_loss_nats_per_token=forecast.onset_quantiles or (),
        new_run_onset_loss_nats_per_token=forecast.new_run_onset_quantiles or (),
        new_run_is_prior_driven=forecast.new_run_is_prior_driven,
        eta_loss_nats_per_token=forecast.eta_quantiles or (),
        at_onset=_path_quantiles(forecast.at_onset),
        new_run_at_onset=_path_quantiles(forecast.new_run),
        at_lowest_loss=_path_quantiles(forecast.at_lowest_loss),
        max_parameter_count=forecast.size_limit,
        before_data_probability=forecast.p_before_data,
        within_range_probability=forecast.p_within_range,
        beyond_range_probability=forecast.p_beyond_range,
        never_probability=forecast.p_never,
        not_identified_probability=forecast.p_not_identified,
        not_identified_below_nats_per_token=forecast.not_identified_below,
        reliable=forecast.is_reliable,
    )


def hardware_of(hardware: plan_service_pb2.Hardware) -> Hardware:
    """The hardware asked for; raises `InvalidInput` for an unknown accelerator or one without a peak."""
    if hardware.accelerator:
        try:
            chip = accelerator(hardware.accelerator)
        except NotFound as error:
            raise InvalidInput(str(error), [Violation("hardware.accelerator", "not in the table")]) from error
    elif hardware.HasField("peak_flops_per_second"):
        chip = Accelerator("custom", "as given", hardware.peak_flops_per_second, "as given")
    else:
        raise InvalidInput(
            "The hardware has no peak.", [Violation("hardware.accelerator", "name one, or give peak_flops_per_second")]
        )
    default = Utilisation()
    set_ = hardware.HasField
    return Hardware(
        accelerator=chip,
        count=hardware.accelerator_count or 1,
        utilisation=Utilisation(
            median=hardware.median_utilisation if set_("median_utilisation") else default.median,
            log_spread=hardware.log_utilisation_spread if set_("log_utilisation_spread") else default.log_spread,
        ),
        peak_flops_per_second=hardware.peak_flops_per_second if set_("peak_flops_per_second") else None,
        price_per_hour_usd=hardware.usd_per_hour if set_("usd_per_hour") else None,
    )


def plan_response(
    plan: ComputePlan, cost: Cost | None, version: fit_pb2.FitVersion
) -> plan_service_pb2.PlanComputeResponse:
    """A plan."""
    response = plan_service_pb2.PlanComputeResponse(
        fit_version=version,
        goal=plan.goal,
        statement=plan.statement,
        quantile_levels=plan.levels,
        compute_flops=plan.flops.tolist(),
        parameter_count=plan.size.tolist(),
        token_count=plan.tokens.tolist(),
        probability=plan.probability,
        never_probability=plan.never_probability,
        max_compute_flops=plan.flops_limit,
        cost=None if cost is None else _cost_proto(cost),
    )
    if plan.run is not None:
        smallest, largest = plan.run.flat_sizes or (None, None)
        response.run.CopyFrom(
            plan_service_pb2.PlannedRun(
                compute_flops=plan.run.flops,
                parameter_count=plan.run.size,
                token_count=plan.run.tokens,
                layer_count=plan.run.shape.layers if plan.run.shape else 0,
                width=plan.run.shape.width if plan.run.shape else 0,
                smallest_equivalent_parameter_count=smallest,
                largest_equivalent_parameter_count=largest,
                forecast=loss_forecasts(plan.run.forecast)[0],
            )
        )
    return response


def _cost_proto(cost: Cost) -> plan_service_pb2.Cost:
    chip, hardware = cost.hardware.accelerator, cost.hardware
    return plan_service_pb2.Cost(
        accelerator_hours=cost.accelerator_hours.tolist(),
        days=cost.days.tolist(),
        usd=[] if cost.usd is None else cost.usd.tolist(),
        hardware=plan_service_pb2.Hardware(
            accelerator=chip.name,
            accelerator_count=hardware.count,
            peak_flops_per_second=hardware.peak,
            median_utilisation=hardware.utilisation.median,
            log_utilisation_spread=hardware.utilisation.log_spread,
            usd_per_hour=hardware.price,
        ),
        peak_source="as given" if hardware.peak_flops_per_second is not None else chip.peak_source,
        price_source="as given" if hardware.price_per_hour_usd is not None else chip.price_source,
    )


def _path_quantiles(quantiles: Quantiles | None) -> prediction_service_pb2.PathQuantiles | None:
    if quantiles is None:
        return None
    return prediction_service_pb2.PathQuantiles(
        parameter_count=quantiles.size, token_count=quantiles.tokens, compute_flops=quantiles.flops
    )
