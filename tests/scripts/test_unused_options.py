"""Options that would have no effect beside others: each is refused by name, before anything is opened."""

from __future__ import annotations

import shlex

import pytest

from scripts.main import main

RUN = "-i nowhere.jsonl -o nowhere"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("inspect nowhere a --status failed", "--status chooses among all records"),
        ("inspect nowhere a --suspicious", "--suspicious chooses among all records"),
        ("inspect nowhere --prompts", "--prompts shows those of one record"),
        ("inspect nowhere --status done", "'done' is no status"),
        (f"run {RUN} --model ''", "--model names nothing"),
        ("chat --accept-changes", "--accept-changes is about a folder"),
        (f"batch {RUN} --k 3", "--k is how many passages"),
        (f"batch {RUN} --dry-run --parquet --schema x.json", "--parquet is about the answers"),
        (f"batch {RUN} --dry-run --ray local --shards 2", "--ray is of a cluster"),
        ("calibrate --data nowhere --limit 5", "--limit is how many messages"),
        ("calibrate --model models/tiny --plot x.png", "--plot is about the gate"),
        ("calibrate --model models/tiny --encoder x", "--encoder is about the gate"),
        ("evaluate gate --data nowhere --encoder x", "--encoder is for --fit"),
        ("evaluate gate --data nowhere --gate encoder --model models/tiny", "--model is asked nothing"),
        ("evaluate gate --data nowhere --seed 3", "--seed draws the parts of --fit"),
        ("evaluate gate --data nowhere --fit nowhere --app shop.py", "--app is not looked at with --fit"),
        ("evaluate clarify --gold --model models/tiny", "--model reads nothing with --gold"),
        ("evaluate models --model models/tiny --part gate --today 2026-01-01", "--today is the day of the forms"),
        ("evaluate models --model models/tiny --seed 5", "--seed draws what --limit leaves"),
        ("index tune nowhere --queries q --qrels r -n 50", "-n is of the index's own questions"),
        ("bench pipeline --instant --model models/tiny", "--model is not of --instant"),
        ("bench pipeline --bare http://x --explain", "--explain is not of --bare"),
        ("bench pipeline --lines 5", "--lines is of --instant and --bare"),
        ("bench batch --poisoned 0.5", "--poisoned is the share of bad rows among --kills"),
        ("bench batch --kills 1 --repeat 2", "--repeat is of --bare"),
        ("bench batch --first models/tiny --rows 5", "--rows is not of --first"),
        ("bench gpu --model models/tiny --shape small", "--shape is of random weights"),
        ("bench gpu --url plain=http://x --flags --x", "--flags is of servers that are started here"),
        ("bench decode --vllm-bench --variants jump-forward", "is compared on free text"),
        ("bench decode --flags '\"'", "cannot be parted"),
        ("bench decode --url plain=http://x --url ngram=http://y", "--url ngram=… was given, and none of"),
        ("bench decode --url plain=http://x --variants free --together", "--together was given, and no server"),
        ("bench decode --model m --url plain=http://x --variants free --flags --x", "--flags was given, and no server"),
        ("bench decode --rate 4 --per-slot 3", "--per-slot was given, and --rate"),
        ("bench decode --rate 4,inf --concurrency 4 --per-slot 3", "--per-slot was given, and --rate"),
        ("bench decode --rate search --slo ttft:9 --concurrency 4 --per-slot 3", "--per-slot was given, and --rate"),
        ("bench decode --url plain=http://x --variants free --shape small", "--shape was given, and no server"),
        (
            "bench decode --variants constrained --output-tokens 9",
            "--output-tokens was given, and nothing is free text",
        ),
        ("bench decode --variants free --together", "--together was given, and one server is started"),
        ("bench decode --variants free --mix 0,1", "--mix was given, and nothing is constrained"),
        ("bench decode --rate inf --burstiness 2", "A burstiness was given, and no rate"),
        ("bench gpu --url jump=http://x --variants free --model m", "--url jump=… was given, and none of"),
        ("bench gpu --shape huge", "There is no shape huge"),
        ("bench gpu --url plain=http://x", "The model behind --url is not known"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused_by_name(
    line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(shlex.split(line))
    assert told in capsys.readouterr().err
