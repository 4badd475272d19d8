"""Texts shared by the command line's modules."""

from typing import Final

SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
DATA_HELP: Final = "The data folder; else SHARDEX_DATA, else ./data."
