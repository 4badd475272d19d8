"""The program ``shardex``, in this process."""

from pathlib import Path

from click.testing import CliRunner, Result

from web.cli import main as cli


def shardex(data: Path, *words: str, stdin: str = "") -> Result:
    """What comes of a command on a data folder."""
    return CliRunner().invoke(cli.main, ["--data", str(data), *words], input=stdin)


def succeed(data: Path, *words: str, stdin: str = "") -> str:
    """What a command that must succeed prints."""
    result = shardex(data, *words, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout
