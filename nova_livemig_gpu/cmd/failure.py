"""How a command ends that does not end well."""


class WrongInput(Exception):
    """The command line, or a file that it names, is wrong. Exit status 2."""

    def __init__(self, option: str, reason: object) -> None:
        super().__init__(f"argument {option}: {reason}")


class Failure(Exception):
    """It could not be done. Exit status 1."""
