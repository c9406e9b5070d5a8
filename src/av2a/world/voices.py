"""Synthesises the sound of each label. Each function fills its take completely, at any level; the scene sets the level."""

from collections.abc import Callable

import numpy as np

from av2a.world.synthesis import (
    Samples,
    Take,
    add,
    crackle,
    curve,
    decay,
    falling,
    formants,
    hold,
    melody,
    noise,
    repeated,
    scale,
    silence,
    sine,
    voice,
    wobble,
)

Sounder = Callable[[Take], Samples]

VOWELS_HZ = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (660, 1720, 2410),
)


def _some(rng: np.random.Generator, low: float, high: float) -> float:
    """A number in [low, high), uniform on a logarithmic scale, as for pitches and rates."""
    return float(low * (high / low) ** rng.random())


def dog(take: Take) -> Samples:
    """Barks, one and a half to three a second: a short rise and fall of a voice over a burst of breath."""
    pitch, throat, pace = (
        _some(take.breed, 180.0, 700.0),
        _some(take.breed, 600.0, 1300.0),
        _some(take.breed, 0.33, 0.62),
    )
    rough = take.breed.uniform(0.2, 0.6)
    harmonics = formants(pitch, (throat, 2.1 * throat), width_hz=260.0)

    def bark(part: Take) -> Samples:
        bend = take.rng.uniform(0.9, 1.1)
        tone = voice(part, curve(part, (0.75 * pitch, 1.35 * pitch * bend, 0.7 * pitch)), harmonics)
        breath = noise(part, 0.7 * throat, 3 * throat)
        return (tone + rough * breath) * hold(part, attack_seconds=0.012, release_seconds=0.1)

    return repeated(take, bark, every_seconds=pace, lasting_seconds=_some(take.breed, 0.13, 0.24), jitter=0.2)


def cat(take: Take) -> Samples:
    """Meows: a long glide up and down while the mouth opens and closes."""
    pitch, length = _some(take.breed, 380.0, 800.0), _some(take.breed, 0.5, 0.85)

    def meow(part: Take) -> Samples:
        top = take.rng.uniform(1.2, 1.7)
        glide = curve(part, (0.9 * pitch, top * pitch, 1.1 * pitch, 0.75 * pitch), (0.0, 0.3, 0.7, 1.0))
        open_share = curve(part, (0.0, 1.0, 0.9, 0.1), (0.0, 0.3, 0.6, 1.0))
        closed = voice(part, glide, formants(pitch, (500.0, 2500.0)))
        wide = voice(part, glide, formants(pitch, (1100.0, 1800.0, 3200.0)))
        return (closed * (1 - open_share) + wide * open_share) * hold(part, attack_seconds=0.08, release_seconds=0.15)

    return repeated(
        take, meow, every_seconds=length + take.breed.uniform(0.06, 0.2), lasting_seconds=length, jitter=0.08
    )


def bird(take: Take) -> Samples:
    """Chirps and trills high up."""
    pitch, pace, sweep = _some(take.breed, 2200.0, 4800.0), _some(take.breed, 0.12, 0.3), take.breed.uniform(-0.4, 0.5)
    trill = take.breed.uniform(0, 0.12)

    def chirp(part: Take) -> Samples:
        start = pitch * take.rng.uniform(0.85, 1.2)
        glide = curve(part, (start, start * (1 + sweep), start * (1 + 0.3 * sweep))) * wobble(part, 28.0, trill)
        return voice(part, glide, [1.0, 0.15]) * hold(part, attack_seconds=0.01, release_seconds=0.03)

    return repeated(take, chirp, every_seconds=pace, lasting_seconds=0.7 * pace, jitter=0.25)


def rooster(take: Take) -> Samples:
    """Cock-a-doodle-doo: three short calls and a long one that climbs and falls."""
    pitch, throat = _some(take.breed, 380.0, 620.0), _some(take.breed, 900.0, 1500.0)
    length = _some(take.breed, 1.3, 1.9)

    def crow(part: Take) -> Samples:
        height = curve(
            part, (1.0, 1.1, 1.0, 1.4, 1.2, 1.25, 1.75, 1.6, 0.85), (0.0, 0.1, 0.14, 0.2, 0.3, 0.36, 0.5, 0.8, 1.0)
        )
        gate = curve(
            part,
            (0.0, 1.0, 0.1, 1.0, 0.15, 1.0, 0.2, 1.0, 1.0, 0.0),
            (0.0, 0.02, 0.13, 0.16, 0.28, 0.31, 0.4, 0.43, 0.85, 1.0),
        )
        tone = voice(
            part, pitch * height * wobble(part, 31.0, 0.02), formants(1.3 * pitch, (throat, 2 * throat), width_hz=300.0)
        )
        return (tone + 0.15 * noise(part, throat, 3 * throat)) * gate

    return repeated(take, crow, every_seconds=length + 0.12, lasting_seconds=length, jitter=0.04)


def cow(take: Take) -> Samples:
    """Long low moos."""
    pitch, length = _some(take.breed, 85.0, 170.0), _some(take.breed, 1.0, 2.0)

    def moo(part: Take) -> Samples:
        glide = curve(part, (0.85 * pitch, 1.15 * pitch, 1.1 * pitch, 0.75 * pitch), (0.0, 0.3, 0.75, 1.0))
        open_share = curve(part, (0.1, 1.0, 1.0, 0.2), (0.0, 0.3, 0.75, 1.0))
        closed, wide = (
            voice(part, glide, formants(pitch, (260.0, 700.0))),
            voice(part, glide, formants(pitch, (480.0, 950.0, 2100.0))),
        )
        return (closed * (1 - open_share) + wide * open_share) * hold(part, attack_seconds=0.1, release_seconds=0.2)

    return repeated(take, moo, every_seconds=length + 0.15, lasting_seconds=length, jitter=0.05)


def frog(take: Take) -> Samples:
    """Croaks: a rattle of pulses through a swollen throat."""
    rattle, throat = _some(take.breed, 28.0, 70.0), _some(take.breed, 450.0, 1500.0)
    length = _some(take.breed, 0.16, 0.4)

    def croak(part: Take) -> Samples:
        pulses = voice(
            part, curve(part, (0.85 * rattle, 1.1 * rattle)), formants(rattle, (throat, 2.4 * throat), width_hz=130.0)
        )
        return pulses * hold(part, attack_seconds=0.03, release_seconds=0.06)

    return repeated(
        take, croak, every_seconds=length * take.breed.uniform(1.3, 1.9), lasting_seconds=length, jitter=0.12
    )


def man(take: Take) -> Samples:
    """Talk: syllables of changing vowels at four or five a second, hisses between some."""
    pitch, size = _some(take.breed, 85.0, 160.0), take.breed.uniform(0.9, 1.1)
    length = 1 / take.breed.uniform(3.8, 5.5)

    def syllable(part: Take) -> Samples:
        vowel = VOWELS_HZ[int(take.rng.integers(len(VOWELS_HZ)))]
        start = pitch * take.rng.uniform(0.85, 1.3)
        tone = voice(
            part, curve(part, (start, start * take.rng.uniform(0.8, 1.1))), formants(pitch, [size * f for f in vowel])
        )
        spoken = tone * hold(part, attack_seconds=0.03, release_seconds=0.06)
        if take.rng.random() < 0.35:
            hiss = part.part(0.07)
            add(spoken, 0.0, noise(hiss, 2500.0, 7000.0) * hold(hiss), part.rate_hz, 0.3)
        return spoken

    return repeated(take, syllable, every_seconds=length, lasting_seconds=0.9 * length, jitter=0.16)


def woman(take: Take) -> Samples:
    """Song: long vowels with vibrato."""
    root, shake, depth = _some(take.breed, 220.0, 380.0), take.breed.uniform(5, 6.5), take.breed.uniform(0.008, 0.025)

    def note(part: Take, pitch: float) -> Samples:
        vowel = [1.12 * f for f in VOWELS_HZ[int(take.rng.integers(4))]]
        glide = curve(part, (0.94 * pitch, pitch, pitch), (0.0, 0.12, 1.0)) * wobble(part, shake, depth)
        return voice(part, glide, formants(pitch, vowel)) * hold(part, attack_seconds=0.07, release_seconds=0.1)

    return melody(take, scale(root, minor=take.breed.random() < 0.5), note, beat_seconds=_some(take.breed, 0.35, 0.7))


def baby(take: Take) -> Samples:
    """Wails that rise, strain and fall, a gasp between them."""
    pitch, length = _some(take.breed, 360.0, 560.0), _some(take.breed, 0.6, 0.95)

    def wail(part: Take) -> Samples:
        top = take.rng.uniform(1.1, 1.4)
        glide = curve(part, (0.8 * pitch, top * pitch, top * pitch * 0.96, 0.7 * pitch), (0.0, 0.2, 0.7, 1.0))
        tone = voice(part, glide * wobble(part, 17.0, 0.015), formants(pitch, (1050.0, 1600.0, 3300.0), width_hz=260.0))
        return (tone + 0.12 * noise(part, 900.0, 4000.0)) * hold(part, attack_seconds=0.06, release_seconds=0.14)

    return repeated(
        take, wail, every_seconds=length + take.breed.uniform(0.12, 0.26), lasting_seconds=length, jitter=0.06
    )


def car(take: Take) -> Samples:
    """Tyres and wind swelling past, over an engine's hum."""
    engine, tyres = _some(take.breed, 55.0, 110.0), _some(take.breed, 350.0, 800.0)
    swell = curve(take, (0.45, 1.0, 0.45)) * wobble(take, 0.35, 0.2)
    hum = voice(take, curve(take, (1.06 * engine, engine, 0.92 * engine)), falling(14, 1.1))
    return (noise(take, 0.4 * tyres, 2.4 * tyres, slope=0.6) + take.breed.uniform(0.15, 0.5) * hum) * swell


def bus(take: Take) -> Samples:
    """A diesel: slow heavy knocks, a low rumble, now and then a hiss of air."""
    engine, knock = _some(take.breed, 24.0, 42.0), _some(take.breed, 260.0, 460.0)
    pitch = curve(take, take.rng.uniform(0.85, 1.25, 4).tolist()) * np.float32(engine)
    rumble = voice(take, pitch, formants(engine, (90.0, knock, 1300.0), width_hz=70.0))
    sound = (rumble + 0.3 * noise(take, 60.0, 500.0, slope=1.0)) * curve(take, (0.6, 1.0, 0.7))
    for start in take.rng.uniform(0, take.seconds, int(take.seconds / 3)).tolist():
        part = take.part(0.4)
        add(sound, start, noise(part, 2500.0, 8000.0) * decay(part, 0.09), take.rate_hz, 0.5)
    return sound


def motorcycle(take: Take) -> Samples:
    """An open exhaust: bright pulses that rev up and down."""
    engine, pipe = _some(take.breed, 45.0, 110.0), _some(take.breed, 350.0, 900.0)
    revs = curve(take, take.rng.uniform(0.75, 1.9, max(3, int(2 * take.seconds))).tolist()) * np.float32(engine)
    blast = voice(take, revs, formants(engine, (1.6 * engine, pipe, 2.6 * pipe), width_hz=220.0))
    growl = voice(take, revs / 2, falling(30, 0.6))
    return (blast + 0.5 * growl) * wobble(take, 1.1, 0.15) + 0.12 * noise(take, 800.0, 4000.0)


def train(take: Take) -> Samples:
    """Wheels over joints (da-dum, da-dum), a rumble, sometimes the horn or puffing steam."""
    pace, clank = _some(take.breed, 0.4, 0.75), _some(take.breed, 350.0, 900.0)
    steam = take.breed.random() < 0.5

    def joint(part: Take) -> Samples:
        return (noise(part, 0.6 * clank, 2.5 * clank) + 0.5 * sine(part, 0.4 * clank)) * decay(part, 0.03)

    track = silence(take)
    for offset in (0.0, 0.28 * pace):
        late = take.part(take.seconds)
        add(track, offset, repeated(late, joint, every_seconds=pace, lasting_seconds=0.2, jitter=0.0), take.rate_hz)
    track += 0.35 * noise(take, 40.0, 400.0, slope=1.2)
    if steam:
        track += 0.4 * noise(take, 1200.0, 6000.0) * np.maximum(voice(take, 2 / pace, [1.0]), 0)
    if take.breed.random() < 0.45:
        low = _some(take.breed, 260.0, 400.0)
        horn = take.part(min(1.2, take.seconds))
        chord = sum(voice(horn, low * ratio, falling(8, 0.8)) for ratio in (1, 1.26, 1.5))
        add(track, 0.1, np.asarray(chord, dtype=np.float32) * hold(horn), take.rate_hz, 0.3)
    return track


def helicopter(take: Take) -> Samples:
    """Blades chopping the air ten to twenty times a second, a turbine's whine."""
    blades, body = _some(take.breed, 9.0, 18.0), _some(take.breed, 90.0, 220.0)
    chop = np.maximum(voice(take, blades * wobble(take, 0.3, 0.04), [1.0, 0.7, 0.45, 0.25]), 0) ** 2
    whine = voice(take, _some(take.breed, 900.0, 2200.0), [1.0, 0.3])
    return noise(take, body, 6 * body, slope=0.8) * (0.12 + chop) + 0.05 * whine * wobble(take, blades, 0.5)


def siren(take: Take) -> Samples:
    """Wail, yelp or two tones."""
    low, kind = _some(take.breed, 480.0, 700.0), int(take.breed.integers(3))
    rate = (0.28, 2.6, 0.9)[kind] * _some(take.breed, 0.8, 1.25)
    swing = sine(take, rate)
    if kind == 2:
        swing = np.where(swing > 0, np.float32(0.35), np.float32(-0.35))
    pitch = low * np.exp2(np.float32(0.55) * (swing + 1)).astype(np.float32)
    return voice(take, pitch.astype(np.float32), falling(9, take.breed.uniform(0.8, 1.5)))


def church_bell(take: Take) -> Samples:
    """Strokes that ring on: a bell's own partials, out of tune with one another."""
    pitch, pace = _some(take.breed, 220.0, 560.0), _some(take.breed, 0.65, 0.98)
    ratios = np.array((0.5, 1.0, 1.19, 1.5, 2.0, 2.67, 3.0, 4.1)) * (1 + 0.01 * take.breed.standard_normal(8))
    strengths = (0.5, 0.7, 0.5, 0.35, 0.8, 0.3, 0.3, 0.2)
    ring = take.part(2.4)
    stroke = silence(ring)
    for ratio, strength in zip(ratios.tolist(), strengths, strict=True):
        stroke += strength * sine(ring, pitch * ratio) * decay(ring, 0.7 / ratio**0.8)
    return repeated(take, lambda _: stroke, every_seconds=pace, lasting_seconds=2.4, jitter=0.08)


def clock(take: Take) -> Samples:
    """Tick and tock, two or more a second."""
    bright, pace = _some(take.breed, 1600.0, 4200.0), _some(take.breed, 0.2, 0.5)
    short = take.part(0.09)

    def blow(pitch: float) -> Samples:
        body = sine(short, pitch) + 0.6 * sine(short, 1.7 * pitch) + 0.8 * noise(short, 0.6 * pitch, 2.2 * pitch)
        return body * decay(short, 0.008, attack_seconds=0.0005) + 0.4 * sine(short, 0.22 * pitch) * decay(short, 0.02)

    track, pair = silence(take), (blow(bright), 0.8 * blow(0.8 * bright))
    for k in range(int(take.seconds / pace) + 1):
        add(track, k * pace, pair[k % 2], take.rate_hz, 1 - 0.15 * take.rng.random())
    return track


def telephone(take: Take) -> Samples:
    """Two small bells struck in turn, or an electronic warble; rings with short rests."""
    old, pitch = take.breed.random() < 0.55, _some(take.breed, 900.0, 1500.0)
    hammering = take.breed.uniform(16, 26)
    length, rest = _some(take.breed, 0.6, 1.2), take.breed.uniform(0.2, 0.4)

    def ring(part: Take) -> Samples:
        if old:
            strokes = 0.35 + 0.65 * np.abs(sine(part, hammering / 2))
            bells = sine(part, pitch) + 0.8 * sine(part, 1.26 * pitch) + 0.5 * sine(part, 2.76 * pitch)
            return bells * strokes * hold(part, attack_seconds=0.005, release_seconds=0.12)
        turn = np.where(sine(part, hammering / 2) > 0, np.float32(pitch), np.float32(1.25 * pitch))
        return voice(part, turn, falling(6, 1.4)) * hold(part, attack_seconds=0.005)

    return repeated(take, ring, every_seconds=length + rest, lasting_seconds=length, jitter=0.02)


def chainsaw(take: Take) -> Samples:
    """A two-stroke's harsh buzz that revs and labours."""
    engine = _some(take.breed, 95.0, 180.0)
    revs = curve(take, take.rng.uniform(0.8, 1.3, max(3, int(2.5 * take.seconds))).tolist()) * np.float32(engine)
    revs *= wobble(take, 23.0, 0.02)
    buzz = voice(take, revs, formants(engine, (900.0, 2300.0, 3900.0), width_hz=700.0))
    low = voice(take, revs / 2, falling(12, 0.7))
    return buzz + 0.4 * low + 0.45 * noise(take, 1800.0, 7000.0)


def hammer(take: Take) -> Samples:
    """Blows on a nail: a knock of wood, a ring of steel."""
    steel, wood = _some(take.breed, 1700.0, 3800.0), _some(take.breed, 140.0, 320.0)
    ring = take.breed.uniform(0.025, 0.07)

    def blow(part: Take) -> Samples:
        metal = sum(sine(part, steel * ratio) for ratio in (1.0, 1.51, 2.33))
        knock = noise(part, 0.5 * wood, 5 * wood) * decay(part, 0.022) + sine(part, wood) * decay(part, 0.03)
        return 0.3 * np.asarray(metal, dtype=np.float32) * decay(part, ring) + 0.9 * knock

    return repeated(take, blow, every_seconds=_some(take.breed, 0.3, 0.7), lasting_seconds=0.4, jitter=0.12)


def blender(take: Take) -> Samples:
    """A small motor's whine in a roar of chopping, in long bursts."""
    motor = _some(take.breed, 230.0, 420.0)
    pitch = (
        np.float32(motor)
        * curve(take, (0.8, 1.0, 1.03, 0.97, 1.0), (0.0, 0.06, 0.4, 0.7, 1.0))
        * wobble(take, 3.1, 0.015)
    )
    whine = voice(take, pitch, [0.6, 1.0, 0.3, 0.8, 0.2, 0.5, 0.1, 0.3])
    return 0.8 * whine + noise(take, 500.0, 6000.0, slope=0.4) * wobble(take, take.breed.uniform(6, 13), 0.35)


def _string(part: Take, pitch: float, *, bright: float, half_life_seconds: float) -> Samples:
    """A plucked or struck string: bright at first, then only its low harmonics are left."""
    first, later = voice(part, pitch, falling(24, bright)), voice(part, pitch, falling(6, bright + 1.0))
    return first * decay(part, 0.25 * half_life_seconds) + later * decay(part, half_life_seconds)


def guitar(take: Take) -> Samples:
    """Plucked strings, or strummed chords."""
    root, minor = _some(take.breed, 100.0, 200.0), bool(take.breed.random() < 0.5)
    strummed, bright = take.breed.random() < 0.5, take.breed.uniform(0.7, 1.2)

    def note(part: Take, pitch: float) -> Samples:
        if not strummed:
            return _string(part, pitch, bright=bright, half_life_seconds=0.3)
        chord = silence(part)
        for k, ratio in enumerate((1.0, 1.5, 2.0, 2.4 if minor else 2.52, 3.0)):
            add(
                chord, 0.014 * k, _string(part, pitch * ratio, bright=bright, half_life_seconds=0.25), part.rate_hz, 0.4
            )
        return chord

    return melody(take, scale(root, minor=minor), note, beat_seconds=_some(take.breed, 0.2, 0.42), ring=2.0)


def _bowed(take: Take, root: float, throat: float, pace: float) -> Samples:
    shake, depth = take.breed.uniform(5, 6.5), take.breed.uniform(0.004, 0.014)

    def note(part: Take, pitch: float) -> Samples:
        glide = curve(part, (0.98 * pitch, pitch, pitch), (0.0, 0.1, 1.0)) * wobble(part, shake, depth)
        weights = formants(pitch, (throat, 2.6 * throat, 5 * throat), width_hz=0.9 * throat)
        return (voice(part, glide, weights) + 0.04 * noise(part, 1500.0, 6000.0)) * hold(part, attack_seconds=0.09)

    return melody(take, scale(root, minor=take.breed.random() < 0.6), note, beat_seconds=pace)


def violin(take: Take) -> Samples:
    """Bowed notes with vibrato, high."""
    return _bowed(take, _some(take.breed, 290.0, 560.0), _some(take.breed, 500.0, 800.0), _some(take.breed, 0.25, 0.6))


def cello(take: Take) -> Samples:
    """Bowed notes with vibrato, low."""
    return _bowed(take, _some(take.breed, 70.0, 150.0), _some(take.breed, 220.0, 380.0), _some(take.breed, 0.35, 0.8))


def piano(take: Take) -> Samples:
    """Struck strings, a chord here and there."""
    root, minor = _some(take.breed, 160.0, 420.0), bool(take.breed.random() < 0.5)

    def note(part: Take, pitch: float) -> Samples:
        tone = _string(part, pitch, bright=1.3, half_life_seconds=0.45)
        tone += 0.5 * _string(part, 1.003 * pitch, bright=1.6, half_life_seconds=0.6)
        if take.rng.random() < 0.35:
            tone += 0.6 * _string(part, pitch / 2, bright=1.2, half_life_seconds=0.6)
        return tone

    return melody(take, scale(root, minor=minor), note, beat_seconds=_some(take.breed, 0.18, 0.4), ring=2.2)


def drum(take: Take) -> Samples:
    """A beat: low drum, snare, sometimes cymbals."""
    low, pace, cymbals = _some(take.breed, 55.0, 120.0), _some(take.breed, 0.14, 0.26), take.breed.random() < 0.6
    part = take.part(0.35)
    kick = sine(part, curve(part, (2.2 * low, low, 0.8 * low), (0.0, 0.15, 1.0))) * decay(part, 0.07)
    snare = (0.8 * noise(part, 900.0, 6000.0) + 0.6 * sine(part, 3 * low)) * decay(part, 0.045)
    tick = 0.4 * noise(part, 5000.0, 12000.0) * decay(part, 0.015)
    track = silence(take)
    for k in range(int(take.seconds / pace) + 1):
        if k % 4 == 0 or take.rng.random() < 0.15:
            add(track, k * pace, kick, take.rate_hz)
        if k % 4 == 2 or take.rng.random() < 0.12:
            add(track, k * pace, snare, take.rate_hz, 0.8)
        if cymbals:
            add(track, k * pace, tick, take.rate_hz, 0.6 + 0.4 * take.rng.random())
    return track


def accordion(take: Take) -> Samples:
    """Reeds that beat against one another, chords under the tune."""
    root, beating = _some(take.breed, 200.0, 360.0), take.breed.uniform(1.004, 1.014)
    weights = [1.0, 0.7, 0.8, 0.5, 0.6, 0.35, 0.4, 0.25, 0.3, 0.2, 0.2, 0.15]

    def note(part: Take, pitch: float) -> Samples:
        tune = voice(part, pitch, weights) + voice(part, pitch * beating, weights)
        chord = voice(part, root / 2, weights) + 0.7 * voice(part, 0.75 * root, weights)
        return (tune + 0.6 * chord) * hold(part, attack_seconds=0.05, release_seconds=0.04)

    return melody(take, scale(root, minor=take.breed.random() < 0.5), note, beat_seconds=_some(take.breed, 0.22, 0.5))


def trumpet(take: Take) -> Samples:
    """Brass: each note brightens as it starts."""
    root, bright = _some(take.breed, 230.0, 400.0), take.breed.uniform(0.35, 0.8)

    def note(part: Take, pitch: float) -> Samples:
        glide = curve(part, (0.97 * pitch, pitch, pitch), (0.0, 0.08, 1.0)) * wobble(part, 5.2, 0.004)
        soft, full = voice(part, glide, falling(5, 1.5)), voice(part, glide, falling(18, bright))
        blare = curve(part, (0.0, 1.0, 0.7, 0.5), (0.0, 0.15, 0.5, 1.0))
        return (soft * (1 - blare) + full * blare) * hold(part, attack_seconds=0.025, release_seconds=0.06)

    return melody(take, scale(root, minor=take.breed.random() < 0.3), note, beat_seconds=_some(take.breed, 0.18, 0.45))


def rain(take: Take) -> Samples:
    """A steady hiss, drops falling in it."""
    low = _some(take.breed, 600.0, 2000.0)
    hiss = noise(take, low, 9000.0, slope=take.breed.uniform(0, 0.8)) * wobble(take, 0.23, 0.1)
    return hiss + take.breed.uniform(0.2, 0.7) * crackle(take, 40.0, 2000.0, 8000.0, half_life_seconds=0.003)


def fire(take: Take) -> Samples:
    """Crackles and pops over a soft roar."""
    dense = _some(take.breed, 9.0, 28.0)
    snaps = crackle(take, dense, 900.0, 7000.0, half_life_seconds=0.003) + 0.8 * crackle(
        take, 3.0, 300.0, 2500.0, half_life_seconds=0.01
    )
    return snaps + take.breed.uniform(0.06, 0.2) * noise(take, 40.0, 500.0, slope=1.0)


def fireworks(take: Take) -> Samples:
    """Booms that roll, whistles rising before some, crackling after."""
    deep = _some(take.breed, 60.0, 140.0)

    def burst(part: Take) -> Samples:
        boom = noise(part, 0.5 * deep, 8 * deep, slope=1.0) * decay(part, 0.16) * 1.2 + sine(part, deep) * decay(
            part, 0.08
        )
        if take.rng.random() < 0.5:
            late = part.part(0.6)
            add(boom, 0.15, crackle(late, 60.0, 1500.0, 8000.0) * decay(late, 0.25), part.rate_hz, 0.4)
        if take.rng.random() < 0.4:
            rise = part.part(0.45)
            whistle = sine(rise, curve(rise, (1200.0, 2600.0))) * hold(rise, attack_seconds=0.1)
            add(boom, 0.3, whistle, part.rate_hz, 0.18)
        return boom

    return repeated(take, burst, every_seconds=_some(take.breed, 0.4, 0.75), lasting_seconds=0.9, jitter=0.25)


SOUNDERS: dict[str, Sounder] = {
    "dog barking": dog,
    "cat meowing": cat,
    "bird singing": bird,
    "rooster crowing": rooster,
    "cow mooing": cow,
    "frog croaking": frog,
    "man speaking": man,
    "woman singing": woman,
    "baby crying": baby,
    "car passing": car,
    "bus passing": bus,
    "motorcycle riding": motorcycle,
    "train passing": train,
    "helicopter flying": helicopter,
    "ambulance siren": siren,
    "church bell ringing": church_bell,
    "clock ticking": clock,
    "telephone ringing": telephone,
    "chainsaw running": chainsaw,
    "hammer pounding": hammer,
    "blender running": blender,
    "acoustic guitar": guitar,
    "violin": violin,
    "cello": cello,
    "piano": piano,
    "drum": drum,
    "accordion": accordion,
    "trumpet": trumpet,
    "rain falling": rain,
    "fire crackling": fire,
    "fireworks": fireworks,
}
"""The function that synthesises each label."""
