"""Evaluation: answers are generated, scored with intervals, held against what is attainable, and shown.

The way of a run: `evaluate_run` (all of it) -> `answer_split` (what the model says) -> `predictions` (rows) ->
`results` (scores: `metrics`, `cue_scores`, `probability_scores`) -> `report`, `contact_sheet`.
"""
