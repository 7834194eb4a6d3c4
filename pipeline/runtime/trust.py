"""Trust: whether an engine's model may choose in an app: among intents where the encoder is not sure, and for `choose`.

It is earned by a trial (`interlock calibrate --model`), or given and refused by name (`--trust`, `--no-trust`).
"""

from __future__ import annotations

from models.engines.engine import Engine
from models.engines.profiles import Profile
from pipeline.app import App
from pipeline.routing.router import digest_of, examples_of
from pipeline.routing.trial import Trial, read_trials
from pipeline.runtime.launch import Launch


def trusts(app: App, engine: Engine | None, launch: Launch) -> bool:
    """Whether a folder that is begun now lets the model choose. UsageError for trials that cannot be read."""
    if engine is None:
        return False
    if launch.trust is not None:
        return launch.trust
    if launch.gate == "model":  # nobody else is there to choose
        return True
    trial = trial_of(app, engine)
    return trial is not None and trial.won


def trial_of(app: App, engine: Engine) -> Trial | None:
    """The trial of this very model on this app as it is now, if there was one."""
    trial = read_trials(app.trials).get(engine.identity)
    return trial if trial is not None and trial.app == told_to(app, engine.profile) else None


def told_to(app: App, profile: Profile) -> str:
    """A digest of what a trial depends on beside the model: the app's examples, and what such a model is told."""
    return f"{digest_of(examples_of(app))[:16]} {app.wording().hash(profile)}"


def told(app: App, engine: Engine | None, launch: Launch, trusted: bool) -> str:
    """What somebody who starts should know of it; "" where nobody would have expected the model to choose."""
    if engine is None or len(app.workflows) < 2 or launch.gate == "encoder" or launch.trust is not None:
        return ""
    trial = trial_of(app, engine)
    if trial is not None and trial.won == trusted:
        return str(trial)
    if trusted or not engine.profile.decides:
        return ""
    if trial is not None:
        return f"{trial} This folder was begun without it: start a new one, or go on with --trust --accept-changes."
    return (
        f"{engine.name} does not choose: it was never measured against the encoder on {app.name}. interlock calibrate"
        " --model measures it, --trust lets it choose all the same."
    )
