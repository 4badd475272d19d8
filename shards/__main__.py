"""``python -m shards``: the engine."""

import sys

from shards.process import LockTaken
from shards.settings import SettingsError, load_settings
from shards.supervisor import supervise
from storage.files import describe_fault
from storage.folder import FolderError
from storage.reference_file import ReferenceUnusable


def main() -> int:
    """Run the engine; return the exit status."""
    try:
        supervise(load_settings())
    except LockTaken as taken:
        print(f"shardex: another engine runs on this data folder ({taken})", file=sys.stderr)
        return 1
    except (FolderError, ReferenceUnusable, SettingsError) as error:
        print(f"shardex: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"shardex: {describe_fault(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
