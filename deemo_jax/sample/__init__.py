"""The sample corpus: invented speakers in real media files, with the truth known for everything.

Deterministic in a seed. One clip in the making, one file per arrow:
`cues` (what is expressed) -> `script` (words), `speech` (voice), `render.motion` (body) -> `render.scene` (pixels)
-> `render.phone_file` (MP4) -> `clip` (all of it) -> `corpus` (folder and truth). `bayes` knows how well anybody can
do. `hard` makes clips that are hard to de-identify; `towers` pre-trains the frozen encoders and decoder of the recipe.
"""
