"""Plans: where to spend a budget, what a loss or a task costs, in FLOPs, hours, days and money."""

from scaling.plan._plan import ComputePlan, PlannedRun, split
from scaling.plan.budget import plan_budget
from scaling.plan.cost import Cost, Hardware, cost_of
from scaling.plan.target import DEFAULT_PROBABILITY, FLOPS_LIMIT, plan_loss
from scaling.plan.task import plan_task

__all__ = [
    "DEFAULT_PROBABILITY",
    "FLOPS_LIMIT",
    "ComputePlan",
    "Cost",
    "Hardware",
    "PlannedRun",
    "cost_of",
    "plan_budget",
    "plan_loss",
    "plan_task",
    "split",
]
