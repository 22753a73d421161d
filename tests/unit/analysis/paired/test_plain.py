from __future__ import annotations

import csv
import io
import json

from robustkit.analysis.paired.pair import compare_paired
from robustkit.analysis.paired.plain import COLUMNS, pair_to_plain, pairs_to_csv


def test_csv_and_json_have_every_line_and_the_same_numbers(two_models):
    (pair,) = compare_paired([f"{two_models}/plain", f"{two_models}/hardened"], margin=0.3)
    plain = json.loads(json.dumps(pair_to_plain(pair), allow_nan=False))
    rows = list(csv.DictReader(io.StringIO(pairs_to_csv([pair]))))
    assert [row["id"] for row in rows] == [line["id"] for line in plain["lines"]] == [line.id for line in pair.lines]
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[0]["difference"]) == plain["lines"][0]["difference"] == pair.lines[0].difference
    assert (rows[0]["a"], rows[0]["b"], plain["family"]) == ("plain", "hardened", len(pair.lines))
    assert float(rows[0]["equivalence_low"]) == plain["lines"][0]["equivalence_low"]
