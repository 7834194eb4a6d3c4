"""The gate's head: from an encoder's vectors to calibrated probabilities of intents; its fitting, proof and files."""

from pipeline.routing.calibration import Calibration
from pipeline.routing.fitting import Choice, Examples, choose, fit
from pipeline.routing.head import Head
from pipeline.routing.model import GateModel

__all__ = ["Calibration", "Choice", "Examples", "GateModel", "Head", "choose", "fit"]
