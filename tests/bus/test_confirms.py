"""Each message of a channel gets its own fate, in whatever order and grouping the broker answers."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierdesk_bus import PublishResult
from tierdesk_bus.amqp.confirms import Batch, Confirms

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy

C, R, N, U = PublishResult.CONFIRMED, PublishResult.RETURNED, PublishResult.NACKED, PublishResult.UNKNOWN

answers = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 4)),
        st.tuples(st.just("return"), st.integers(0, 12)),
        st.tuples(st.sampled_from([C, N]), st.integers(0, 14), st.booleans()),
    ),
    max_size=40,
)


@patiently
@given(answers)
def test_any_order_and_grouping_of_answers_gives_each_message_the_first_that_was_for_it(steps: list[tuple]) -> None:
    confirms = Confirms()
    batches: list[Batch] = []
    fates: list[PublishResult] = []
    settled: list[bool] = []
    for kind, *arguments in steps:
        if kind == "publish":
            (size,) = arguments
            batches.append(Batch(size))
            for index in range(size):
                fates.append(U)
                settled.append(False)
                confirms.expect(f"m{len(fates)}", batches[-1], index)
        elif kind == "return":
            (number,) = arguments
            confirms.note_return(f"m{number}")
            if 1 <= number <= len(fates) and not settled[number - 1]:
                fates[number - 1] = R
        else:
            number, multiple = arguments
            confirms.settle(number, kind, multiple=multiple)
            for each in range(1, len(fates) + 1):
                if (each == number or (multiple and each < number)) and not settled[each - 1]:
                    settled[each - 1] = True
                    fates[each - 1] = kind if fates[each - 1] is U else R
        assert [fate for batch in batches for fate in batch.fates] == fates
        assert sum(batch.unanswered for batch in batches) == settled.count(False) == len(confirms)
        assert [confirms.is_settled(f"m{number}") for number in range(1, len(fates) + 1)] == settled
    first = 0
    for batch in batches:
        assert batch.is_answered() == all(settled[first : first + len(batch.fates)])
        first += len(batch.fates)


def test_a_message_that_came_back_stays_so_when_it_is_confirmed() -> None:
    confirms, batch = Confirms(), Batch(3)
    for index in range(3):
        confirms.expect(f"m{index}", batch, index)
    confirms.note_return("m1")
    assert batch.fates == [U, R, U]
    assert not batch.is_answered()
    confirms.settle(3, C, multiple=True)
    assert batch.fates == [C, R, C]
    assert batch.is_answered()


def test_an_id_may_come_again_once_it_is_settled() -> None:
    confirms, batch = Confirms(), Batch(2)
    confirms.expect("same", batch, 0)
    assert confirms.is_in_flight("same")
    confirms.settle(1, C, multiple=False)
    assert not confirms.is_in_flight("same")
    confirms.expect("same", batch, 1)
    confirms.note_return("same")
    confirms.settle(2, C, multiple=False)
    assert batch.fates == [C, R]
