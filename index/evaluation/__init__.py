"""Whether an index finds what it should: queries with judgements in, measures with intervals out. See evaluation.py."""

from index.evaluation.answers import WRONG, Answers, Fitted, fit_floor, look_up, read_answers
from index.evaluation.evaluation import Evaluation, evaluate
from index.evaluation.intervals import Difference, compare, interval
from index.evaluation.judgements import Judged, Question, read_judged
from index.evaluation.metrics import MEASURES, measures
from index.evaluation.setting import Setting
from index.evaluation.tuning import Tuned, own_questions, tune

__all__ = [
    "MEASURES",
    "WRONG",
    "Answers",
    "Difference",
    "Evaluation",
    "Fitted",
    "Judged",
    "Question",
    "Setting",
    "Tuned",
    "compare",
    "evaluate",
    "fit_floor",
    "interval",
    "look_up",
    "measures",
    "own_questions",
    "read_answers",
    "read_judged",
    "tune",
]
