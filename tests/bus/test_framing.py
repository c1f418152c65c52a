"""The frames of messages are taken out of a connection's stream, however the network cuts it."""

import itertools

import pamqp.frame
from aiormq import spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from tierdesk_bus.amqp.framing import BASIC_DELIVER, CHANNEL_CLOSE, FrameCutter

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy

DIVERTED, LEFT = (1, 2), 3

Taken = tuple[int, bytes, bytes, bytes]
Frames = list[tuple[bytes, Taken | None]]
"""The frames of one channel in order; the last one of what is taken says what is taken. Empty: it is kept back."""

KEPT_BACK: Taken = (0, b"", b"", b"")


def payload(frame: bytes) -> bytes:
    """What stands between the head of a frame and its end."""
    return frame[7:-1]


def taken_frames(channel: int, method: Frame, properties: spec.Basic.Properties, pieces: list[bytes]) -> Frames:
    """What the frames of a message are, and that they are taken with the last of them."""
    body = b"".join(pieces)
    frames = [
        pamqp.frame.marshal(frame, channel)
        for frame in (method, ContentHeader(body_size=len(body), properties=properties), *map(ContentBody, pieces))
    ]
    taken = (channel, payload(frames[0]), payload(frames[1]), body)
    return [*((frame, KEPT_BACK) for frame in frames[:-1]), (frames[-1], taken)]


pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
properties = st.builds(
    spec.Basic.Properties,
    content_type=st.none() | st.just("text/plain"),
    message_id=st.none() | st.text(max_size=9),
    headers=st.none() | st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9), max_size=3),
    priority=st.none() | st.just(3),
)
with_content = st.sampled_from(
    [
        spec.Basic.Deliver(consumer_tag="c", delivery_tag=7, exchange="e", routing_key="k"),
        spec.Basic.Return(reply_code=312, reply_text="NO_ROUTE", exchange="e", routing_key="k"),
    ]
)
confirmation = st.builds(spec.Basic.Ack, delivery_tag=st.integers(1, 9), multiple=st.booleans()) | st.builds(
    spec.Basic.Nack, delivery_tag=st.integers(1, 9), multiple=st.booleans()
)
other = st.sampled_from(
    [spec.Queue.DeclareOk(queue="q", message_count=1, consumer_count=1), spec.Basic.Cancel(consumer_tag="c")]
)


@st.composite
def channel_frames(draw: st.DrawFn, channel: int) -> Frames:
    """What a broker may send on one channel."""
    frames: Frames = []
    for kind in draw(st.lists(st.sampled_from(["content", "confirmation", "other", "got"]), max_size=5)):
        if kind == "content":
            frames += taken_frames(channel, draw(with_content), draw(properties), draw(pieces))
        elif kind == "confirmation":
            frame = pamqp.frame.marshal(draw(confirmation), channel)
            frames.append((frame, (channel, payload(frame), b"", b"")))
        elif kind == "got":
            got = spec.Basic.GetOk(delivery_tag=1, exchange="e", routing_key="k", message_count=0)
            frames += [(frame, None) for frame, _ in taken_frames(channel, got, draw(properties), draw(pieces))]
        else:
            frames.append((pamqp.frame.marshal(draw(other), channel), None))
    return frames if channel in DIVERTED else [(frame, None) for frame, _ in frames]


@st.composite
def interleaved(draw: st.DrawFn) -> Frames:
    """What it may send on several at once: the frames of one channel stay in order, those of others come between."""
    waiting = [draw(channel_frames(channel)) for channel in (*DIVERTED, LEFT)]
    waiting.append([(pamqp.frame.marshal(Heartbeat(), 0), None)] * draw(st.integers(0, 2)))
    frames: Frames = []
    while any(waiting):
        frames.append(draw(st.sampled_from([queue for queue in waiting if queue])).pop(0))
    return frames


def tapped(taken: list[Taken]) -> FrameCutter:
    """A cutter that notes what it takes."""
    cutter = FrameCutter()
    for channel in DIVERTED:
        cutter.divert(channel, lambda *parts, channel=channel: taken.append((channel, *parts)))
    return cutter


@patiently
@given(interleaved(), st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_any_cutting_of_the_stream_gives_the_same_messages_and_leaves_the_same_frames(
    frames: Frames, sizes: list[int]
) -> None:
    stream = b"".join(frame for frame, _ in frames)
    taken: list[Taken] = []
    cutter = tapped(taken)
    left, at = [], 0
    for size in itertools.cycle(sizes):
        left.append(cutter.feed(stream[at : at + size]))
        at += size
        if at >= len(stream):
            break
    assert taken == [fate for _, fate in frames if fate not in {None, KEPT_BACK}]
    assert b"".join(left) == b"".join(frame for frame, fate in frames if fate is None)
    assert cutter.end() == b""


@patiently
@given(st.data())
def test_what_is_left_is_whole_frames_and_the_beginning_of_one_comes_at_the_end(data: st.DataObject) -> None:
    stream = b"".join(frame for frame, _ in data.draw(interleaved()))
    stream += pamqp.frame.marshal(spec.Connection.Blocked(reason="memory"), 0)
    cut = data.draw(st.integers(0, len(stream) - 1))
    cutter = tapped([])
    left = cutter.feed(stream[:cut])
    while left:
        used, _, _ = pamqp.frame.unmarshal(left)
        left = left[used:]
    rest = cutter.end()
    assert stream[:cut].endswith(rest)
    assert stream[cut - len(rest) :].startswith(rest)


def test_a_body_larger_than_any_buffer_is_put_together_from_its_frames() -> None:
    piece = bytes(131_064)
    deliver = spec.Basic.Deliver(consumer_tag="c", delivery_tag=1, exchange="e", routing_key="k")
    frames = taken_frames(1, deliver, spec.Basic.Properties(), [piece] * 20)
    taken: list[Taken] = []
    cutter = tapped(taken)
    stream = b"".join(frame for frame, _ in frames)
    for at in range(0, len(stream), 65_536):
        assert cutter.feed(stream[at : at + 65_536]) == b""
    assert [parts[3] for parts in taken] == [piece * 20]


def test_the_end_of_a_channel_is_told_and_left_to_aiormq_and_its_number_is_diverted_no_more() -> None:
    taken: list[Taken] = []
    cutter = tapped(taken)
    deliver = spec.Basic.Deliver(consumer_tag="c", delivery_tag=1, exchange="e", routing_key="k")
    delivery = b"".join(frame for frame, _ in taken_frames(1, deliver, spec.Basic.Properties(), [b"late"]))
    begun = pamqp.frame.marshal(deliver, 1)
    close = pamqp.frame.marshal(
        spec.Channel.Close(reply_code=404, reply_text="NOT_FOUND", class_id=60, method_id=40), 1
    )
    assert cutter.feed(begun + close + delivery) == close + delivery
    assert [(channel, method[:4]) for channel, method, _, _ in taken] == [(1, CHANNEL_CLOSE)]
    cutter.divert(1, lambda *parts: taken.append((1, *parts)))
    assert cutter.feed(delivery) == b""
    assert taken[-1][1][:4] == BASIC_DELIVER
    assert taken[-1][3] == b"late"


def test_a_frame_without_its_end_is_left_to_aiormq_which_ends_the_connection() -> None:
    broken = pamqp.frame.marshal(spec.Basic.Ack(delivery_tag=1), 1)[:-1] + b"\0"
    taken: list[Taken] = []
    assert tapped(taken).feed(broken) == broken
    assert taken == []
