"""What a case is: a function with a name, a time limit and assertions."""

CASES = []


class Failure(Exception):
    """What a case expected and did not get, in one line."""


class Case:
    def __init__(self, name, function, seconds, alone):
        self.name = name
        self.function = function
        self.seconds = seconds
        self.alone = alone


def case(name, seconds=30, alone=False):
    """Registers a function as a case; `seconds` bounds its run.

    Cases run beside each other; one that measures memory, load or speed, or has to hit a moment,
    runs `alone`.
    What the function returns, if anything, is a figure to be shown with its `ok`.
    """

    def register(function):
        CASES.append(Case(name, function, seconds, alone))
        return function

    return register


def check(holds, reason):
    """Fails the running case unless `holds`."""
    if not holds:
        raise Failure(reason)


def equal(got, expected, what):
    """Fails the running case unless both are equal, and shows where they part."""
    if got == expected:
        return
    if isinstance(got, bytes) and isinstance(expected, bytes):
        at = next(
            (i for i, (a, b) in enumerate(zip(got, expected)) if a != b),
            min(len(got), len(expected)),
        )
        start = max(0, at - 20)
        raise Failure(
            f"{what}: differs at byte {at} of {len(got)} (expected {len(expected)}): "
            f"{got[start : at + 40]!r}, expected {expected[start : at + 40]!r}"
        )
    raise Failure(f"{what}: {got!r}, expected {expected!r}")
