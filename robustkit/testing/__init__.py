"""The contract kit: what a plugin's author runs to know that a component keeps its contract.

Each check is one function that raises AssertionError with the reason; pytest is not needed.

Example:
    from robustkit.testing import check_perturbation

    declaration = next(iter(my_plugin.robustkit_perturbations()))
    check_perturbation(lambda: Stripes(StripesParams()), declaration)
"""

from robustkit.testing.attack import ATTACK_CHECKS, check_attack
from robustkit.testing.basis import check_basis
from robustkit.testing.dataset import DATASET_CHECKS, check_dataset
from robustkit.testing.metric import METRIC_CHECKS, check_metric
from robustkit.testing.model import MODEL_CHECKS, check_model
from robustkit.testing.model_metric import MODEL_METRIC_CHECKS
from robustkit.testing.perturbation import PERTURBATION_CHECKS, check_perturbation
from robustkit.testing.reporter import REPORTER_CHECKS, check_reporter
from robustkit.testing.text_perturbation import TEXT_PERTURBATION_CHECKS, check_text_perturbation
from robustkit.testing.trainer import TRAINER_CHECKS, check_trainer

__all__ = [
    "ATTACK_CHECKS",
    "DATASET_CHECKS",
    "METRIC_CHECKS",
    "MODEL_CHECKS",
    "MODEL_METRIC_CHECKS",
    "PERTURBATION_CHECKS",
    "REPORTER_CHECKS",
    "TEXT_PERTURBATION_CHECKS",
    "TRAINER_CHECKS",
    "check_attack",
    "check_basis",
    "check_dataset",
    "check_metric",
    "check_model",
    "check_perturbation",
    "check_reporter",
    "check_text_perturbation",
    "check_trainer",
]
