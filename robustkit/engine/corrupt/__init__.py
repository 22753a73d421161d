"""Writing -C sets: any labelled images under any perturbations, in the layouts of the published sets."""

from robustkit.engine.corrupt.earlier import check_place, read_earlier
from robustkit.engine.corrupt.plan import CorruptionPlan, plan_corruption
from robustkit.engine.corrupt.writing import Watcher, write_set

__all__ = ["CorruptionPlan", "Watcher", "check_place", "plan_corruption", "read_earlier", "write_set"]
