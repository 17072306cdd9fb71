"""The sample corpus: invented speakers in real media files, with the truth known for everything.

Everything follows from a seed. How a clip is made, a file for each step:
`cues` (what is expressed) -> `script` (words), `speech` (voice), `render.motion` (body) -> `render.scene` (pixels)
-> `render.phone_file` (MP4) -> `corpus_clip` (all of it) -> `corpus` (folder and truth). `bayes` computes the best
accuracies; `hard` makes clips that are hard to de-identify; `towers` pre-trains the recipe's frozen towers.
"""
