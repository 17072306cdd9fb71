"""Evaluation: answers are generated, scored with intervals, held against what is attainable, and shown.

The way of a run: `evaluate_run` (all of it) -> `answer_split` (what the model says) -> `predictions` (rows) ->
`results` (all `scores`) -> `report`, `contact_sheet`. Several systems, or subsets of modalities (`ablation`), become
one table by `compared_systems` -> `comparison` -> `comparison_report`; `seed_spread` is of models trained with several
seeds. `judge` has a language model score reasonings.
"""
