"""Options that change settings of the method, and limits on what is opened."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av2a.cli.command import option
from av2a.cli.inputs import text_in
from av2a.errors import InvalidSetting, UnknownName, UsageError, one_line
from av2a.settings import PROFILES, Settings

if TYPE_CHECKING:
    from av2a.media import Limits

HOW = "How"
"""The heading of options about settings."""

LARGEST_FILE_BYTES = 10_000_000
"""A result with a thousand names for hours of video takes no more."""


def profile_option(default: str) -> Any:
    """The option that names a profile, with what its help says of the default."""
    return option(
        "NAME",
        f"The reading of the method: {', '.join(PROFILES)}. Default: {default}.",
        envvar="AV2A_PROFILE",
        autocompletion=lambda: [*PROFILES],
    )


@dataclass(frozen=True)
class SettingOptions:
    """The settings of the method: a profile, changed by a file, changed by single values."""

    panel = HOW
    profile: str | None = profile_option("practical; scores with --scores")
    settings_file: Path | None = option("FILE", "Settings in TOML or JSON, or an earlier result's.", "--settings")
    assignments: list[str] = option("NAME=VALUE", "Change one setting; may be repeated.", "--set", default=[])

    def in_file(self) -> dict[str, Any]:
        """The settings of the file, as plain values; none without a file.

        Raises:
            MissingFile, InvalidSetting: as :func:`settings_in`.
        """
        return {} if self.settings_file is None else settings_in(self.settings_file)

    def assigned(self) -> dict[str, Any]:
        """The value of each ``name=value``.

        Raises:
            InvalidSetting: one has another form.
        """
        return dict(assignment(text, option="--set") for text in self.assignments)

    def settings(self, backbone: str | None, default: str = "practical") -> Settings:
        """The settings of the named profile or of ``default``, changed by the file's, then by each ``name=value`` in turn.

        Raises:
            UnknownName: no profile or setting of that name.
            InvalidSetting: a value of the wrong kind or out of range, or a file that cannot be read as settings.
            MissingFile: no such file.
        """
        values = self.in_file()
        named = values.pop("profile", None)
        if None not in (self.profile, named) and self.profile != named:
            raise UsageError(
                f"--profile {self.profile} and the settings file's profile {named!r} differ: leave one of them out"
            )
        settings = Settings.of({"profile": self.profile or named or default, **values}, backbone)
        return settings.replace(**self.assigned())


@dataclass(frozen=True)
class LimitOptions:
    """What may be opened at all."""

    panel = HOW
    limit: list[str] = option(
        "NAME=VALUE",
        "Change a limit on what is opened: file_bytes, duration_seconds, streams, frame_pixels, channels, "
        "sample_rate_hz, labels.",
        default=[],
    )

    def limits(self) -> "Limits":
        """The limits on what is opened, each changed by its ``name=value``.

        Raises:
            UnknownName: no limit of that name.
            InvalidSetting: a value that is no number above zero.
        """
        from av2a.media import Limits

        limits = Limits()
        known = {field.name: type(getattr(limits, field.name)) for field in fields(limits)}
        for name, value in (assignment(text, option="--limit") for text in self.limit):
            if name not in known:
                raise UnknownName.among("limit", name, known)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
                raise InvalidSetting(f"limit {name} must be a number above 0, got {value!r}")
            limits = replace(limits, **{name: known[name](value)})
        return limits


@dataclass(frozen=True)
class MediaOptions(LimitOptions):
    """Which streams of a video are used, and what may be opened at all."""

    video_stream: int | None = option("INDEX", "The video stream to use, of several.")
    audio_stream: int | None = option("INDEX", "The audio stream to use, of several.")


def settings_in(file: Path) -> dict[str, Any]:
    """The settings in a TOML or JSON file, as plain values; of a result, those that it was made with."""
    shown = one_line(str(file))
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if file.suffix.lower() not in readers:
        raise InvalidSetting(f"settings file {shown!r} is neither .toml nor .json: rename or rewrite it")
    text = text_in(file, "settings", option="--settings", refusal=InvalidSetting, largest_bytes=LARGEST_FILE_BYTES)
    try:
        values = readers[file.suffix.lower()](text)
    except (ValueError, RecursionError) as wrong:
        raise InvalidSetting(f"settings file {shown!r} cannot be read ({one_line(str(wrong))}): correct it") from wrong
    if isinstance(values, dict) and "schema" in values:
        values = _settings_of_result(shown, values)
    elif isinstance(values, dict) and isinstance(values.get("settings"), dict):
        values = values["settings"]
    if not isinstance(values, dict):
        raise InvalidSetting(f"settings file {shown!r} must hold names and values, such as decay = 1.0")
    return {name: _none_for_its_word(value) for name, value in values.items()}


def _settings_of_result(shown: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """What one of our own results was made with."""
    about = result.get("about")
    for place in (result, about if isinstance(about, dict) else {}):
        if isinstance(place.get("settings"), dict):
            return dict(place["settings"])
    raise InvalidSetting(
        f"{shown!r} is {one_line(str(result['schema']))}, which holds no one set of settings: name a result of detect, evaluate or tune"
    )


def assignment(text: str, *, option: str) -> tuple[str, Any]:
    """The ``name=value`` of an option as a name and a value, read as TOML; a bare word is itself, ``none`` is None.

    >>> [assignment(text, option="--set") for text in ("decay = 2.5", "sound=clip", "silence_dbfs=none")]
    [('decay', 2.5), ('sound', 'clip'), ('silence_dbfs', None)]
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        example = "--set decay=2.5" if option == "--set" else "--limit duration_seconds=200000"
        raise InvalidSetting(f"{option} needs name=value, got {one_line(text)!r}: for example {example}")
    return name.strip(), _none_for_its_word(_toml_value(value.strip()))


def _toml_value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return read["value"] if read.keys() == {"value"} else text


def _none_for_its_word(value: Any) -> Any:
    # TOML has no word for "none".
    return None if value == "none" else value
