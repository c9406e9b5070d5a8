"""Options that several subcommands take, in one wording."""

from typing import Annotated

import typer

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say on stderr what was chosen, too.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]
