"""Makes the checks of each model of a run, and keeps what they found in the run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import cast

import torch
from torch import Tensor

from robustkit.engine.classifier import Classifier
from robustkit.engine.device import numerics
from robustkit.engine.inputs import read_inputs, read_labels, to_model
from robustkit.engine.plan import Plan
from robustkit.engine.seeds import Keys
from robustkit.engine.trust.gradients import check_gradients, finite_differences
from robustkit.engine.trust.health import HEALTH, check_health, failed, guarded, unsteady
from robustkit.engine.trust.masking import LEAST, Probes, probe_masking, unbounded
from robustkit.engine.trust.modes import state, state_digest
from robustkit.engine.trust.sight import BATCH, Sight
from robustkit.engine.trust.subject import VERSION, Subject, attacks_of, choose_subject
from robustkit.store import RunFolder
from robustkit.store.checks import CHECKS, Check, Probed, checks_from_plain, checks_to_plain, not_run

GRADIENT = tuple(name for name, (_, group) in CHECKS.items() if group == "gradient")
MASKING = tuple(name for name, (_, group) in CHECKS.items() if group == "masking")
IN_BALL = tuple(name for name in MASKING if name != "unbounded")


@dataclass(kw_only=True)
class Findings:
    """What was found out about models.

    Attributes:
        checks: in no order.
        probed: what probes broke, for each model and norm.
    """

    checks: list[Check] = field(default_factory=list)
    probed: list[Probed] = field(default_factory=list)


def state_digests(plan: Plan) -> dict[str, str]:
    """Return `state_digest` of each model of images, by name: what `assess` compares with afterwards."""
    if plan.modality != "image":
        return {}
    return {name: state_digest(model.classifier) for name, model in plan.models.items()}


def assess(plan: Plan, folder: RunFolder, before: Mapping[str, str], checking: Callable[[str], None]) -> Findings:
    """Return what probes find out about each model of a run on images; what the folder has is not computed again.

    A check that fails to run says why, and costs no other.

    Args:
        plan: of a run whose cells are computed.
        folder: where findings are kept.
        before: what `state_digests` returned before the run.
        checking: is told the name of each model that is probed now.

    Raises:
        RunError: findings cannot be stored.
    """
    everything = Findings()
    for name in before:
        if plan.config.trust_samples == 0:
            wanted = ("state", *_wanted(bool(attacks_of(plan))))
            everything.checks += not_run(wanted, "switched off by --trust-samples 0", name)
            continue
        subject = choose_subject(plan, folder, name)
        found = _read(folder, subject)
        if found is None:
            checking(name)
            with numerics(plan.config.precision):
                found = _probe(plan, subject)
        earlier = next((check.status for check in found.checks if check.id == "state"), "")
        changed = state(before[name], state_digest(plan.models[name].classifier), earlier)
        found.checks = _about(name, [*(check for check in found.checks if check.id != "state"), changed])
        folder.commit_trust(subject.key, {"checks": checks_to_plain(found.checks), "probed": _plain(found.probed)})
        everything.checks += found.checks
        everything.probed += found.probed
    return everything


def _wanted(attacked: bool) -> tuple[str, ...]:
    return (*HEALTH, *GRADIENT, *MASKING) if attacked else HEALTH


def _about(name: str, checks: Iterable[Check]) -> list[Check]:
    return [replace(check, model=name) for check in checks]


def _plain(probed: list[Probed]) -> list[dict[str, object]]:
    return [asdict(each) for each in probed]


def _read(folder: RunFolder, subject: Subject) -> Findings | None:
    stored = folder.read_trust(subject.key)
    if stored is None:
        return None
    probed = [{**each, "ids": tuple(each["ids"]), "broken": tuple(each["broken"])} for each in stored["probed"]]
    # Two models of one run may be the same network under two names.
    return Findings(
        checks=_about(subject.name, checks_from_plain(stored["checks"])),
        probed=[Probed(**{**each, "model": subject.name}) for each in probed],
    )


def _probe(plan: Plan, subject: Subject) -> Findings:
    """Return what is found out about one model, all but whether it has changed."""
    try:
        sight = _sight(plan, subject)
    except (Exception, SystemExit) as error:
        return Findings(checks=not_run(_wanted(subject.attacked), failed(error)))
    found = Findings(checks=list(check_health(sight, plan.config.precision, subject.attacked and not subject.averaged)))
    if subject.attacked:
        _add_attacked(plan, subject, sight, found)
    return found


def _sight(plan: Plan, subject: Subject) -> Sight:
    model, ids = plan.models[subject.name], subject.ids
    samples = torch.from_numpy(ids.copy()).to(plan.device)
    return Sight(
        model=model.classifier,
        images=cast("Tensor", to_model(read_inputs(plan.dataset, ids, plan.device))),
        labels=model.translate(read_labels(plan.dataset, ids, plan.device)),
        keys=Keys(seed=plan.config.seed[0], stream="trust", version=VERSION, ids=samples),
        size=min(plan.config.batch_size, BATCH),
    )


def _add_attacked(plan: Plan, subject: Subject, sight: Sight, found: Findings) -> None:
    """Add what only attacks depend on: the gradient, and whether it is masked."""
    moving = unsteady(found.checks)
    try:
        gradient = check_gradients(sight)
    except (Exception, SystemExit) as error:
        found.checks += not_run((*GRADIENT, *MASKING), failed(error))
        return
    lacking = "the model's logits have no input gradient" if gradient.checks[0].status == "fail" else ""
    reason = moving or lacking
    classifier = cast("Classifier", plan.models[subject.name].classifier)
    exact = guarded("finite-differences", lambda: _differences(sight, classifier, plan.device)) if not reason else None
    found.checks += [*gradient.checks, exact or not_run(["finite-differences"], reason)[0]]
    reason = reason or _too_few(subject)
    if reason:
        found.checks += not_run(MASKING, reason)
        return
    found.checks.append(guarded("unbounded", lambda: unbounded(sight)))
    if not subject.balls:
        found.checks += not_run(IN_BALL, "no attack has an eps that float32 can tell from 0")
    for norm, eps in subject.balls:
        try:
            probes = probe_masking(sight, norm, eps, gradient.silent)
        except (Exception, SystemExit) as error:
            found.checks += not_run(IN_BALL, failed(error))
        else:
            found.checks += probes.checks
            found.probed.append(_probed(subject, probes))


def _too_few(subject: Subject) -> str:
    """Return why the samples do not do for a comparison of probes; empty where they do."""
    if not subject.right:
        return "the model gets no sample right"
    if len(subject.ids) < LEAST:
        return f"it takes {LEAST} samples that the model gets right, here are {len(subject.ids)}: raise --trust-samples"
    return ""


def _differences(sight: Sight, classifier: Classifier, device: torch.device) -> Check:
    # In float32 whatever the run computes in: finite differences need its precision.
    exact = classifier
    if classifier.autocast is not None:
        exact = Classifier(classifier.net, classifier.normalization, classifier.input_size).to(device)
    with numerics("fp32"):
        return finite_differences(replace(sight, model=exact))


def _probed(subject: Subject, probes: Probes) -> Probed:
    broken = subject.ids[probes.broken.cpu().numpy()]
    return Probed(
        model=subject.name,
        norm=probes.norm,
        eps=probes.eps,
        ids=tuple(map(int, subject.ids)),
        broken=tuple(map(int, broken)),
    )
