"""Plots that are put into a page."""

import re
from xml.etree import ElementTree

from deemo_jax.core import plots


def test_an_inline_svg_needs_no_style_sheet_and_follows_the_page():
    figure = plots.canvas(3, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "o", color=plots.INK, clip_on=False)
    axes.bar([0], [1], color=plots.ORANGE)
    axes.set_title("a < b & $x", parse_math=False)
    plots.tidy(axes)
    text = plots.inline_svg(figure)
    root = ElementTree.fromstring(text)
    assert root.tag == "svg" and set(root.attrib) == {"viewBox"}
    assert {element.tag for element in root.iter()} <= {"svg", "g", "defs", "path", "use", "text", "clipPath", "rect"}
    assert not re.search(r"style|xmlns|font-family|url\((?!#)", text)
    assert [element.text for element in root.iter("text")][-1] == "a < b & $x"
    colours = {element.get(key, "") for element in root.iter() for key in ("fill", "stroke")}
    assert {"currentColor", plots.ORANGE.lower()} <= colours and not {"#ffffff", "#000000", "#222222"} & colours
    used = {element.get("href", "")[1:] for element in root.iter("use")}
    assert used and used <= {element.get("id") for element in root.iter()}
