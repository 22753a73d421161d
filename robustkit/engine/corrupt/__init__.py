"""Writing -C sets: any labelled images under any perturbations, in the layouts of the published sets."""

from robustkit.engine.corrupt.plan import CorruptionPlan, plan_corruption
from robustkit.engine.corrupt.writing import Watcher, write_set

__all__ = ["CorruptionPlan", "Watcher", "plan_corruption", "write_set"]
