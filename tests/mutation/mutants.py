"""Every change of one place that cosmic-ray can make, but for those that no test could judge."""

import ast
import re
from bisect import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

LEFT_OUT: Final = re.compile(
    # members of enumerations and None are what `is` compares: they have no order, and are equal only to themselves
    r"core/ReplaceComparisonOperator_(Is|IsNot)_(Eq|NotEq|Lt|LtE|Gt|GtE)"
    # whether equal values are one object is up to the interpreter
    r"|core/ReplaceComparisonOperator_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)"
    # without @property, @classmethod or @contextmanager no caller works; without @abstractmethod all do
    r"|core/RemoveDecorator"
)

Position = tuple[int, int]  # line from one, column


class Mutant(NamedTuple):
    """One change of one place."""

    file: str  # from the root
    start: Position
    lines: frozenset[int]  # a test that runs none of them cannot notice
    operator: str
    occurrence: int  # among all places of the file that the operator can change

    def apply(self, source: str) -> str:
        """The file's text with the change. Raises SyntaxError where that is no program."""
        text: str = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        compile(text, self.file, "exec")
        return text


def find_mutants(root: Path, file: str) -> Iterator[Mutant]:
    """All mutants of a file."""
    source = (root / file).read_text()
    tree = ast.parse(source)
    statements = sorted({node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)})
    bodies = frozenset(_bodies(tree))
    annotations = [_span(node) for node in _annotations(tree)]
    nodes = [*ast_nodes(get_ast(source))]
    for name in operator_names():
        operator = get_operator(name)
        if LEFT_OUT.fullmatch(name) or operator.arguments():
            continue
        places = (place for node in nodes for place in operator().mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if not any(first <= start < last for first, last in annotations):
                lines = frozenset(range(statements[bisect(statements, start[0]) - 1], end[0] + 1))
                at_import = bool(bodies) and bodies.isdisjoint(lines)  # it shows in what the functions do
                yield Mutant(file, start, bodies if at_import else lines, name, occurrence)


def _bodies(tree: ast.AST) -> Iterator[int]:
    """The lines of all functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            yield from range(node.body[0].lineno, node.end_lineno + 1)


def _annotations(tree: ast.AST) -> Iterator[ast.expr]:
    """What only a type checker looks at."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as found) | ast.AnnAssign(annotation=found):
                yield found
            case ast.FunctionDef(returns=ast.expr() as found):
                yield found


def _span(node: ast.expr) -> tuple[Position, Position]:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
