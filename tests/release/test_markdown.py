"""Markdown: templates and tables escape every value that is not Markdown already."""

from collections.abc import Callable, Iterator

import pytest
from jinja2 import DictLoader, TemplateError
from markdown_it import MarkdownIt

import hostile
from slipway.release import markdown
from slipway.release.markdown import Markdown

Render = Callable[..., str]


@pytest.fixture
def render() -> Iterator[Render]:
    """A function that renders a template in the environment of the card and the report."""
    environment = markdown.environment("slipway.registry")

    def run(source: str, **values: object) -> str:
        environment.loader = DictLoader({"page": source, "part": "{{ x }}"})
        return environment.get_template("page").render(**values)

    yield run


@pytest.mark.parametrize(
    "source",
    [
        "{{ x }}",
        "{{ x | safe }}",
        "{{ x | e }}",
        "{{ x | escape | safe }}",
        "{{ x | forceescape }}",
        "{{ x | upper }}",
        "{{ x | trim }}",
        "{{ x | urlize }}",
        "{{ x | tojson }}",
        "{{ x | replace('a', 'b') }}",
        "{{ x | indent }}",
        "{{ x | default('nothing') }}",
        "{{ none or x }}",
        "{{ x if x else 1 }}",
        "{{ x.strip() }}",
        "{{ x[:] }}",
        "{{ x ~ x }}",
        "{{ '%s' | format(x) }}",
        "{{ '{}'.format(x) }}",
        "{{ [x, x] | join(' ') }}",
        "{{ [x] | map('upper') | join }}",
        "{{ [x] | first }}",
        "{{ [x] }}",
        "{{ {'a': x}.a }}",
        "{{ (x | code) ~ x }}",
        "{{ x ~ (x | code) }}",
        "{{ x | code | replace('`', '') }}",
        "{{ x | code | trim('`') }}",
        "{{ [x | code, x] | join }}",
        "{{ [x | code, x] | listed }}",
        "{{ x | strong }}",
        "{{ [[x, x]] | table([x, x], 1) }}",
        "{{ x | words }}",
        "{% set y = x %}{{ y }}",
        "{% set y %}{{ x }}{% endset %}{{ y }}",
        "{% for y in [x] %}{{ y }}{% endfor %}",
        "{% macro m(y) %}{{ y }}{% endmacro %}{{ m(x) }}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ x }}{% endcall %}",
        "{% filter upper %}{{ x }}{% endfilter %}",
        "{% include 'part' %}",
        "{% with y = x %}{{ y }}{% endwith %}",
        "{% autoescape true %}{{ x }}{% endautoescape %}",
        "{% autoescape false %}{{ x }}{% endautoescape %}",
        "{% autoescape true %}{{ x | safe }}{% endautoescape %}",
    ],
)
def test_a_value_that_no_template_escapes_is_escaped(render: Render, source: str) -> None:
    assert hostile.structure(render(source, x=hostile.TEXT)) == hostile.structure(render(source, x=hostile.PLAIN))


def test_markdown_is_left_unchanged(render: Render) -> None:
    assert render("{{ x }} {{ y }}", x=Markdown("*a*"), y="*a*") == "*a* \\*a\\*"
    assert render("{{ 'x' | code }} {{ ['*', n] | listed }}", n=Markdown("**b**")) == "`x` \\*, **b**"


@pytest.mark.parametrize(
    "made", [Markdown("*a*") + "*b*", Markdown("*a*")[:], f"{Markdown('*a*')}", str(Markdown("*"))]
)
def test_a_string_made_from_markdown_is_text_again(made: str) -> None:
    assert not isinstance(made, Markdown)
    assert markdown.shown(made) == markdown.text(made)


@pytest.mark.parametrize("source", ["{{ y }}", "{{ x.y }}", "{{ x | y }}", "{{ y | code }}"])
def test_a_name_that_is_not_given_is_an_error(render: Render, source: str) -> None:
    with pytest.raises(TemplateError):
        render(source, x="a")


@pytest.mark.parametrize("function", ["bound", "figure", "number", "share", "size", "figures"])
def test_text_is_not_accepted_as_a_figure(render: Render, function: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        render(f"{{{{ x | {function} }}}}", x="<b>")


def test_a_table_has_the_cells_that_it_was_given() -> None:
    rows = [("a|b", "*c*"), (Markdown("**d**"), 1)]
    shown = MarkdownIt().enable("table").render(markdown.table(rows, ("|", ""), 1))
    assert "<td>a|b</td>" in shown and "<strong>d</strong>" in shown and ">*c*</td>" in shown
    assert shown.count("<td") == 4 and 'style="text-align:right"' in shown


def test_figures_have_the_decimals_that_are_declared_or_four_digits_of_the_largest() -> None:
    assert markdown.figures([0.05, None, 12.0], 2) == ["0.05", "n/a", "12.00"]
    assert markdown.figures([0.05, 12.0]) == ["0.05", "12.00"]
    assert markdown.figures([0.012345, 0.001]) == ["0.01235", "0.00100"]
    assert markdown.figures([3, 4_000], 2) == ["3", "4,000"], "counts have no decimals"
    assert markdown.measured(0.5, 0.25, 1.0, 1) == "0.5 (0.2 to 1.0)"
