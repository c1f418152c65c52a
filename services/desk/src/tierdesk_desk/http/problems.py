"""What goes wrong at the board, as problem details."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from tierdesk_desk.board import FullError, NotFoundError
from tierdesk_desk.domain.work import ForbiddenStepError, MovedOnError, OverError, TakenError
from tierdesk_runtime.problems import ProblemError, field_faults


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise as `ProblemError` what the board raises: 404, 409 with who has it, 422 with the fields."""
    try:
        yield
    except NotFoundError:
        raise ProblemError(404, "No such work", "There is no such work, or none that you may see.") from None
    except TakenError as error:
        raise ProblemError(409, "Taken", f"{error.owner} has it.") from None
    except OverError as error:
        raise ProblemError(409, "Over", f"It is over for your group: {error.reason}.") from None
    except MovedOnError as error:
        detail = f"More was said of it since, up to ordinal {error.ordinal}: look at it again."
        raise ProblemError(409, "Moved on", detail) from None
    except (FullError, ForbiddenStepError) as error:
        raise ProblemError(409, "Not now", f"{error}.".capitalize()) from None
    except ValidationError as error:
        raise ProblemError(422, "Invalid request", "See errors.", errors=field_faults(error.errors())) from None
