"""Scores reasonings with a language model as the judge, and the judge against people.

The way of a judgement: `judge_command` (all of it) -> `judge_request` (what is asked for) -> `overlap_run` or
`preference_run`: `judged_rows` (what may be sent) -> `protocols` through `asking` (what is sent), first for `gold_set`
-> `overlap_scores` or `preference_scores`, with `statistics` and `human_file` -> their reports -> `judgement_files`.
`joined_scores` reads several judgements for one table.
"""
