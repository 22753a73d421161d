"""What the attacks of other libraries can be told, and which of them there are.

The names are the libraries' own. They stand here so that a wrong one is noticed without the library; left out are
attacks for other norms, those that need more than a model and inputs, and those that the installed code cannot run.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from robustkit import params

FoolboxLinf = Literal[
    "LinfPGD",
    "LinfAdamPGD",
    "LinfBasicIterativeAttack",
    "LinfAdamBasicIterativeAttack",
    "LinfFastGradientAttack",
    "LinfMomentumIterativeFastGradientMethod",
    "LinfDeepFoolAttack",
    "LInfFMNAttack",
    "LinfRepeatedAdditiveUniformNoiseAttack",
]
FoolboxL2 = Literal[
    "L2PGD",
    "L2AdamPGD",
    "L2BasicIterativeAttack",
    "L2AdamBasicIterativeAttack",
    "L2FastGradientAttack",
    "L2MomentumIterativeFastGradientMethod",
    "L2DeepFoolAttack",
    "L2FMNAttack",
    "L2CarliniWagnerAttack",
    "L2RepeatedAdditiveGaussianNoiseAttack",
    "DDNAttack",
    "NewtonFoolAttack",
    "BoundaryAttack",
    "HopSkipJumpAttack",
]

TorchattacksLinf = Literal[
    "FGSM",
    "BIM",
    "RFGSM",
    "PGD",
    "EOTPGD",
    "FFGSM",
    "TPGD",
    "MIFGSM",
    "UPGD",
    "NIFGSM",
    "SINIFGSM",
    "VMIFGSM",
    "VNIFGSM",
    "DIFGSM",
    "Jitter",
    "SPSA",
]
TorchattacksL2 = Literal["PGDL2", "CW", "DeepFool"]
TorchattacksBoth = Literal["APGD", "APGDT", "FAB", "Square"]

AutoAttackMember = Literal["apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square"]


@params
class FoolboxParams:
    """The parameters of Foolbox's attacks. What is left out has Foolbox's own value."""

    attack: Literal[FoolboxLinf, FoolboxL2]
    """The attack, as its class is called."""

    steps: Annotated[int, Ge(1), Le(100_000)] | None = None
    """Steps from each start."""

    step_size: Annotated[float, Ge(0)] | None = None
    """Length of a step, in units of [0, 1]."""

    random_start: bool | None = None
    """Whether the search starts at a random point of the ball."""

    restarts: Annotated[int, Ge(1)] = 1
    """How often the attack is repeated, each time on the whole batch."""

    package: str = ""
    """The package and its version that run; found when left out, and refused when they are not installed."""


@params
class TorchattacksParams:
    """The parameters of torchattacks' attacks. What is left out has the library's own value, whatever eps is."""

    attack: Literal[TorchattacksLinf, TorchattacksL2, TorchattacksBoth]
    """The attack, as its class is called."""

    steps: Annotated[int, Ge(1), Le(100_000)] | None = None
    """Steps from each start."""

    step_size: Annotated[float, Ge(0)] | None = None
    """Length of a step, in units of [0, 1]."""

    random_start: bool | None = None
    """Whether the search starts at a random point of the ball."""

    queries: Annotated[int, Ge(1)] | None = None
    """Queries of `Square`."""

    restarts: Annotated[int, Ge(1)] = 1
    """Starts; later ones try only the samples that still stand."""

    package: str = ""
    """The package and its version that run; found when left out, and refused when they are not installed."""


@params
class AutoAttackParams:
    """The parameters of AutoAttack."""

    version: Literal["standard", "plus", "rand"] | None = None
    """Which version of AutoAttack; `standard` when left out."""

    attacks: tuple[AutoAttackMember, ...] = ()
    """Members to run one after another instead of a version, each with one restart, as in `standard`."""

    queries: Annotated[int, Ge(1)] | None = None
    """Queries of `square` among `attacks`; a version always has its 5,000."""

    package: str = ""
    """The package and its version that run; found when left out, and refused when they are not installed."""
