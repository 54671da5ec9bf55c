"""The exceptions that end a command with words for the user."""

NOT_HERE = "(is it in this folder, or its folder on PYTHONPATH?)"
"""Said of a module that cannot be found; a run adds where it was started, if that is elsewhere."""


class UserError(ValueError):
    """A mistake the user can fix: one line per problem, saying what is wrong, where, and what to do.

    The command line prints each line after ``error:`` and exits with code 2, without a traceback.

    >>> str(UserError("recipe.yaml:3: unknown key sede; did you mean 'seed'?"))
    "recipe.yaml:3: unknown key sede; did you mean 'seed'?"
    """

    @property
    def lines(self) -> list[str]:
        """The problems, one per line.

        >>> UserError("first problem", "second problem").lines
        ['first problem', 'second problem']
        """
        return str(self).splitlines()

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))


class IncompleteError(Exception):
    """Done as far as it went, with something missing: the text says what, and whether the same command mends it.

    The command line prints it after ``warning:`` and exits with code 1, so that a script notices.
    """
