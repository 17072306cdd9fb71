from benchmarks import write_docs


def test_figures_take_the_place_of_older_ones_and_nothing_else_changes(tmp_path):
    page, other = tmp_path / "speed.md", tmp_path / "other.md"
    place = "<!-- figures: {} -->\nold\n<!-- end of figures -->\n"
    page.write_text(f"before\n{place.format('deface')}between\n{place.format('words')}after\n", encoding="utf-8")
    other.write_text("no place\n", encoding="utf-8")

    assert write_docs.write(tmp_path, "deface", "new\n") == [page]

    new = "<!-- figures: deface -->\nnew\n<!-- end of figures -->\n"
    assert page.read_text(encoding="utf-8") == f"before\n{new}between\n{place.format('words')}after\n"
    assert other.read_text(encoding="utf-8") == "no place\n"


def test_a_block_names_command_and_machine():
    block = write_docs.told(("benchmarks.deface", "--repeats", "3"), "ratio 4.2\n")
    assert block.startswith("```\n$ python -m benchmarks.deface --repeats 3\nratio 4.2\n```\n") and "cores, 20" in block


def test_markdown_becomes_a_part_of_the_page():
    block = write_docs.told(("benchmarks.privacy.background",), "Text:\n\n| a |\n| --- |\n\n", is_page=True)
    assert block.startswith("Text:\n\n| a |\n| --- |\n\n`python -m benchmarks.privacy.background`; ")
    assert "```" not in block
