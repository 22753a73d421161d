"""The contract kit: what a plugin's author runs to know that a component keeps its contract.

Each check is one function that raises AssertionError with the reason; pytest is not needed.

Example:
    from robustkit.testing import check_perturbation

    declaration = next(iter(my_plugin.robustkit_perturbations()))
    check_perturbation(lambda: Stripes(StripesParams()), declaration)
"""

from robustkit.testing.attack import ATTACK_CHECKS, check_attack
from robustkit.testing.perturbation import PERTURBATION_CHECKS, check_perturbation

__all__ = ["ATTACK_CHECKS", "PERTURBATION_CHECKS", "check_attack", "check_perturbation"]
