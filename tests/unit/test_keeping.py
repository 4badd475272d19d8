"""While files are kept, none is removed; while some are removed, none is kept."""

from pathlib import Path

import pytest

from storage.keeping import StillDiscarding, keep, may_discard


def test_either_keeps_the_other_out(tmp_path: Path) -> None:
    for _ in range(2):
        with keep(tmp_path, 0.0):
            with may_discard(tmp_path) as may:
                assert not may
            with pytest.raises(StillDiscarding, match=str(tmp_path)), keep(tmp_path, 0.02):
                pass
        with may_discard(tmp_path) as may, may_discard(tmp_path) as other:
            assert may and other
            with pytest.raises(StillDiscarding), keep(tmp_path, 0.0):
                pass
