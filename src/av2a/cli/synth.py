"""``av2a synth``: videos of the generated world, with their truth beside them."""

from pathlib import Path

from av2a.cli.command import argument, command, option
from av2a.cli.common_options import TalkOptions
from av2a.cli.help_text import Example
from av2a.wording import counted
from av2a.world import write_dataset


@command(
    Example("av2a synth world --clips 5 --seed 7", "five clips and their annotations in ./world"),
    Example("av2a detect world/*.mp4 -l 'dog barking, violin' -o 'world/{name}.json'", "what is found in them"),
)
def synth(
    *,
    folder: Path = argument("OUT", "A folder to make and fill."),
    clips: int = option("N", "How many clips to make.", default=10, min=1, max=100_000),
    seed: int = option("S", "The first scene; clips are those of S to S + N.", default=0, min=0),
    seconds: int = option("LENGTH", "How long each clip lasts.", default=10, min=2, max=3600),
    processes: int = option("COUNT", "How many are made at a time.", default=1, min=1, max=256),
    talk: TalkOptions,
) -> None:
    """Make videos in which things are heard and seen at times known exactly.

    Writes MP4 files (H.264 and AAC) and LLP-style tables of what is heard and what is seen. The same seeds give the same
    scenes on any machine.
    """
    terminal = talk.terminal()
    with terminal.progress(str(folder)) as report:
        write_dataset(
            folder,
            clips=clips,
            seed=seed,
            duration_seconds=seconds,
            processes=processes,
            progress=lambda done, total: report("clips", done, total),
        )
    terminal.say(f"results: {counted(clips, 'clip')} and their annotations in {folder}")
