"""Every change of one place that cosmic-ray can make, but for those that no test could judge."""

import ast
import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast  # type: ignore[import-untyped]
from cosmic_ray.mutating import mutate_code  # type: ignore[import-untyped]
from cosmic_ray.plugins import get_operator, operator_names  # type: ignore[import-untyped]

LEFT_OUT: Final = {  # operators, by what no test could judge
    # `is` compares members of enumerations and None, which have no order and are equal to themselves alone
    "other comparisons for is": r"core/ReplaceComparisonOperator_(Is|IsNot)_(?!Is)\w+",
    # whether equal values are one object is up to the interpreter
    "is for other comparisons": r"core/ReplaceComparisonOperator_(?!Is)\w+_(Is|IsNot)",
    # without @property, @classmethod or @contextmanager nothing works; without @abstractmethod everything does
    "decorators": r"core/RemoveDecorator",
}
TYPES: Final = "annotations, frozen and gc of types"

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


def find_mutants(root: Path, file: str, left_out: Counter[str]) -> Iterator[Mutant]:
    """All mutants of a file; ``left_out`` counts the others by kind."""
    source = (root / file).read_text()
    tree = ast.parse(source)
    statements = sorted({node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)})
    bodies = frozenset(_bodies(tree))
    spared = [_span(node) for node in _spared(tree)]
    nodes = [*ast_nodes(get_ast(source))]
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments():
            continue
        kind = next((kind for kind, pattern in LEFT_OUT.items() if re.fullmatch(pattern, name)), "")
        places = (place for node in nodes for place in operator().mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if kind or any(first <= start < last for first, last in spared):
                left_out[kind or TYPES] += 1
            else:
                lines = frozenset(range(statements[bisect(statements, start[0]) - 1], end[0] + 1))
                at_import = bool(bodies) and bodies.isdisjoint(lines)  # it shows in what the functions do
                yield Mutant(file, start, bodies if at_import else lines, name, occurrence)


def _bodies(tree: ast.AST) -> Iterator[int]:
    """The lines of all functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            yield from range(node.body[0].lineno, node.end_lineno + 1)


def _spared(tree: ast.AST) -> Iterator[ast.expr]:
    """What only a type checker looks at, or only the garbage collector."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as found) | ast.AnnAssign(annotation=found):
                yield found
            case ast.FunctionDef(returns=ast.expr() as found):
                yield found
            case ast.ClassDef(keywords=keywords):
                yield from (each.value for each in keywords if each.arg in ("frozen", "gc"))


def _span(node: ast.expr) -> tuple[Position, Position]:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
