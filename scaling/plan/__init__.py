"""Plans: where to spend a budget, what a loss or a task costs, in FLOPs, hours, days and money."""

from scaling.plan.budget import BudgetPlan, plan_budget
from scaling.plan.cost import Cost, Hardware, cost_of

__all__ = ["BudgetPlan", "Cost", "Hardware", "cost_of", "plan_budget"]
