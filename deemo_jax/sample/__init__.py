"""The sample corpus: invented speakers in real media files, with the truth known for everything.

Deterministic in a seed. One clip in the making, one file per arrow:
`cues` (what is expressed) -> `script` (words), `speech` (voice), `motion` (body) -> `scene` (pixels)
-> `container` (MP4) -> `corpus` (folder and truth). `bayes` knows how well anybody can do.
"""
