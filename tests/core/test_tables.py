import pytest

from deemo_jax.core.tables import Table, aligned, as_csv, as_markdown, markdown

TABLE = Table("What, n = 2", ("name", "count"), (("a | b", "7"), ("c", "1,000")), right=(1,))


def test_columns_of_a_terminal_begin_or_end_at_the_same_place():
    assert TABLE.text().splitlines() == ["name   count", "a | b      7", "c      1,000"]
    assert aligned([("a", "1"), ("bcd", "")]).splitlines() == ["a    1", "bcd"]
    assert aligned([]) == ""


def test_a_line_of_another_length_is_a_mistake():
    with pytest.raises(ValueError):
        aligned([("a", "b"), ("c",)])


def test_latex_shows_what_a_cell_has():
    table = Table("", ("name", "%"), (("a_b & c", "[1, 2]"), ("\\x{y}", "< 0.001")), right=(1,))
    assert table.latex().splitlines() == [
        r"\begin{tabular}{lr}",
        r"\hline",
        r"name & \% \\",
        r"\hline",
        r"a\_b \& c & {[}1, 2] \\",
        r"\textbackslash{}x\{y\} & \textless{} 0.001 \\",
        r"\hline",
        r"\end{tabular}",
    ]


def test_markdown_escapes_bars_and_keeps_the_sides():
    assert TABLE.markdown().splitlines() == ["| name | count |", "| --- | ---: |", r"| a \| b | 7 |", "| c | 1,000 |"]
    assert markdown(("x",), [("`1|2`",)]) == "| x |\n| --- |\n| `1\\|2` |"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\\|b", r"a\\\|b"),
        ("two\nlines", r"two\\nlines"),
        ("<img src=x>, p < 0.001", r"\<img src=x>, p < 0.001"),
        ("[a](b) ![c][d] [1.0, 2.0]", r"[a]\(b) !\[c]\[d] [1.0, 2.0]"),
        ("`code` .*/head/.* _x_ a_b", r"\`code\` .\*/head/.\* \_x\_ a_b"),
    ],
)
def test_markdown_shows_text_as_it_is(text, shown):
    assert as_markdown(text) == shown
    assert f"| {shown} |" in Table("", ("x",), ((text,),)).markdown()


def test_a_spreadsheet_takes_no_text_for_a_formula():
    assert [as_csv(text) for text in ("=1+1", "@x", "-a", "+b", "\tc", "a=b", "")] == [
        "'=1+1",
        "'@x",
        "'-a",
        "'+b",
        "'\tc",
        "a=b",
        "",
    ]
