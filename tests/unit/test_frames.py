"""Frames on a stream: whole, in order, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.ipc.frames import HEAD, Frame, FrameError, FrameKind, pack, unpack
from shards.limits import FRAME_BYTES_MAX
from tests.model.seeds import repeatable

frames = st.builds(
    Frame,
    st.sampled_from(FrameKind),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=60),
)


@repeatable
@given(st.lists(frames, max_size=8), st.lists(st.integers(1, 50), min_size=1))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(pack(FrameKind(kind), number, time, body) for kind, number, time, body in sent)
    received: list[Frame] = []
    buffer = bytearray()
    place, turn = 0, 0
    while place < len(stream):
        size = cuts[turn % len(cuts)]
        buffer += stream[place : place + size]
        received += unpack(buffer)
        place, turn = place + size, turn + 1
    assert received == sent
    assert buffer == b""


def test_an_unfinished_frame_waits_for_its_rest() -> None:
    whole = pack(FrameKind.REQUEST, 7, 8, b"body")
    buffer = bytearray(whole + whole[:-1])
    assert unpack(buffer) == [Frame(FrameKind.REQUEST, 7, 8, b"body")]
    assert buffer == whole[:-1]
    assert unpack(buffer) == []
    buffer += whole[-1:]
    assert unpack(buffer) == [Frame(FrameKind.REQUEST, 7, 8, b"body")]


def test_a_frame_beyond_the_limit_is_refused_by_its_head_alone() -> None:
    assert unpack(bytearray(HEAD.pack(FRAME_BYTES_MAX, FrameKind.REQUEST, 1, 1))) == []
    with pytest.raises(FrameError):
        unpack(bytearray(HEAD.pack(FRAME_BYTES_MAX + 1, FrameKind.REQUEST, 1, 1)))
