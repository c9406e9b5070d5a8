"""What ``mini`` is taught from: texts, and pictures and sounds of the generated world with the truth about them.

Scenes are rendered once and varied each time they are shown, as cameras, codecs and microphones vary them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from PIL import Image

from av2a.backbones import mini
from av2a.background import BACKGROUND, near_synonym
from av2a.world import NAMES, PARAPHRASES, draw_frame, make_scene, render_sound, truth

MOVE_PIXELS = 8
"""Working pixels by which a picture is moved at most."""

# Texts.

OTHER_WORDS: tuple[str, ...] = tuple(
    """
    anchor apple apricot archery arrow artichoke atlas autumn axe badge bagel balloon bamboo bandage barn basket
    bath bay beard bed bench berry billiards bishop blanket blueprint bolt bottle bowl bracelet brake branch brick
    bridge broom bucket bulb butter button cabbage cable cactus cake calendar camel camera candle canoe canvas cape
    caravan card carpet carrot cart carton castle cave ceiling chalk cheese cherry chess chimney chocolate circus
    clay cliff coat coffee coin comb compass concrete copper cord cork corner cotton crab crane crayon crown crystal
    curtain curve cushion dagger dam dart desert diamond dice diver dolphin donkey dragon drawer dune dust eagle
    earth easel elbow elephant elevator envelope eraser escalator fabric factory falcon fan farm feather fence
    festival fisherman fleece flood floor fog fork fountain fox frame fridge frost fruit funnel fur galaxy garage
    garlic gate ghost giraffe glacier glove glue goat goggles gold golf grain grape gravel gravy guard gym hail
    hammock harbor harvest hat hay hedge helmet herb hinge hockey honey hoop hose hospital hotel icicle island ivory
    jacket jam jar jelly jewel judge juggler juice jungle kayak kettle king kite knee knot ladder ladle lake lamp
    lantern laptop lava lawyer leaf leather lemon lens letter library lighthouse lime lizard lobster lock log lotus
    magnet mail map marble market mask mast mat match medal melon mermaid metal meteor microscope milk mill mint
    mirror mist mole moon moss moth mouse mud museum mushroom napkin necklace needle nest net newspaper noodle
    notebook nurse nut oak oar oasis office olive onion orange orchid otter oven owl oyster paddle paint palace palm
    pants paper parade parcel park parliament parsley pasta path peach pear pebble pen pencil penguin pepper perfume
    petal photo picnic pie pillow pine pipe pirate pizza planet plate plow plum pocket poker pole pond porch pottery
    powder prince prison prism puddle pumpkin puppet purse puzzle pyramid quartz queen quilt rabbit raccoon radar
    radio raft rail raisin ramp raspberry rat razor rectangle ribbon rice robe robot rocket roof rope rose ruby rug
    ruler sack saddle sail salad salmon salt sand sandal sandwich sausage scale scarf scissors scooter scorpion
    screw sculpture seal seed shadow shed shelf shell shoe shovel shrimp shuttle silk silver sink skeleton skirt
    sled slide sloth smoke snail snake soap sock soda soil soup spade spider spinach sponge spoon spring square
    squid stable stadium stairs stamp star starfish statue steam steel stone stork stove straw strawberry string
    submarine sugar suit suitcase sun surgeon swamp swan sweater sword syrup tablet tail tailor tank tape taxi tea
    teacher teapot teeth telescope temple tent thread throne thumb ticket tie tile tissue toast toaster tobacco
    tomato tooth torch towel tractor trampoline treasure tree triangle tripod trophy tulip tunnel turkey turnip
    turtle twig umbrella uniform unicorn vase vault vegetable velvet vest vineyard volcano vulture waffle wagon
    waiter wall wallet walnut walrus wardrobe warrior wax weasel wedding well whale wheat wheel wig willow wine wing
    wizard wolf wool worm wreath wrist yacht yarn yogurt zebra zeppelin zipper arguing baking bargaining bathing
    bending biting bleeding blinking bowing boxing breathing building burying buying camping carving catching
    chasing chewing choosing cleaning climbing combing counting crawling curling cutting digging dreaming dressing
    drinking dropping embroidering falling farming fencing fishing flipping floating folding gardening gliding
    grinding harvesting hiding hiking hugging hunting ironing juggling jumping kissing kneeling knitting laying
    leaning learning lifting lighting limping marching measuring melting mending mining mixing moving nodding
    opening packing painting parking peeling planting playing pointing polishing praying printing pulling pushing
    rescuing riding rolling rowing sailing scratching sculpting selling serving sewing shaving shopping sitting
    sketching sleeping sliding smelling smiling smoking snorkeling snowing spinning squeezing standing stealing
    stirring stretching studying surfing sweeping swinging teaching throwing tying voting waiting washing watching
    watering waving weaving weighing welding whispering winking wrapping wrestling writing yawning
    """.split()
)
"""Things and doings of which the world knows nothing."""

TEMPLATES = (
    "{}",
    "a {}",
    "the {}",
    "This is a sound of {}",
    "A photo of {}",
    "{} in a video",
    "the sound of {}",
    "someone, {}",
)
ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "sh", "ch", "tr", "st", "gr")
SYLLABLES = tuple(onset + vowel for onset in ONSETS for vowel in "aeiou")


@dataclass(frozen=True)
class Texts:
    """Every text that lessons use, and what each says about each name."""

    texts: tuple[str, ...]
    tokens: tuple[Int64[np.ndarray, " _token"], ...]
    means: Bool[np.ndarray, "text category"]
    background: Int64[np.ndarray, " concept"]
    """Which of the texts are the background's."""
    concepts_of: Bool[np.ndarray, "concept category"]
    """Background concepts that are near-synonyms of names."""


def lesson_texts(rng: np.random.Generator) -> Texts:
    """The names, their paraphrases, the background, words for other things, and words that nobody uses."""
    variants = [list(dict.fromkeys(_in_templates((name, *PARAPHRASES[name])))) for name in NAMES]
    invented = ["".join(rng.choice(SYLLABLES, size=rng.integers(2, 5))) for _ in range(800)]
    pairs = [" ".join(rng.choice(OTHER_WORDS, size=2)) for _ in range(600)]
    taken = {text for texts in variants for text in texts}
    others = [
        template.format(word)
        for word, template in zip([*OTHER_WORDS, *invented, *pairs], _cycled(rng), strict=False)
        if template.format(word) not in taken
    ]
    texts = (*(text for group in variants for text in group), *BACKGROUND, *others)
    first = sum(map(len, variants))
    means = np.array([[text.casefold() in {v.casefold() for v in group} for group in variants] for text in texts])
    concepts_of = np.array([[any(near_synonym(v, c) for v in group) for group in variants] for c in BACKGROUND])
    tokens = tuple(mini.text_features(text) for text in texts)
    return Texts(texts, tokens, means, np.arange(first, first + len(BACKGROUND)), concepts_of)


def _in_templates(phrases: Sequence[str]) -> Iterator[str]:
    return (template.format(phrase) for template in TEMPLATES for phrase in phrases)


def _cycled(rng: np.random.Generator) -> Iterator[str]:
    while True:
        yield str(rng.choice(TEMPLATES))


# Pictures.


Batch = tuple[Float32[np.ndarray, "input ..."], Bool[np.ndarray, "input category"]]
"""Inputs of one step, and what is there in each."""


@dataclass(frozen=True)
class PictureLessons:
    """Pictures at working size, with what is seen in them."""

    pictures: UInt8[np.ndarray, "picture height width 3"]
    seen: Bool[np.ndarray, "picture category"]

    @classmethod
    def rendered(cls, seeds: Sequence[int], pictures_per_scene: int) -> "PictureLessons":
        """Some pictures of each scene, compressed as video compresses them."""
        scenes = [_rendered_pictures(seed, pictures_per_scene) for seed in seeds]
        return cls(*(np.concatenate(part) for part in zip(*scenes, strict=True)))

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Pictures varied in brightness, colour, place and grain; one in ten shows nothing."""
        index = rng.integers(len(self.pictures), size=size)
        moves = rng.integers(-MOVE_PIXELS, MOVE_PIXELS + 1, size=(size, 2))
        moved = [_moved(self.pictures[i], int(down), int(right)) for i, (down, right) in zip(index, moves, strict=True)]
        flipped = rng.random(size) < 0.5
        shown = np.stack([picture[:, ::-1] if flip else picture for picture, flip in zip(moved, flipped, strict=True)])
        pictures = _exposed(shown.astype(np.float32) / 127.5 - 1, rng)
        nothing = rng.random(size) < 1 / 10
        pictures[nothing] = pictures_of_nothing(rng, int(nothing.sum()), (pictures.shape[1], pictures.shape[2]))
        return pictures, self.seen[index] & ~nothing[:, None]


def _rendered_pictures(
    seed: int, count: int
) -> tuple[UInt8[np.ndarray, "picture height width 3"], Bool[np.ndarray, "picture category"]]:
    rng = np.random.default_rng((seed, 1))
    scene = make_scene(seed)
    _, seen = truth(scene)
    times = rng.choice(scene.duration_seconds, size=count, replace=False) + rng.uniform(size=count)
    frames = [draw_frame(scene, float(time)) for time in times]
    return np.stack([np.asarray(_small(_compressed(frame, rng))) for frame in frames]), seen[times.astype(int)]


def _exposed(pictures: Float32[np.ndarray, "n h w 3"], rng: np.random.Generator) -> Float32[np.ndarray, "n h w 3"]:
    count = len(pictures)
    grainy = rng.random(count) < 0.4
    grain = rng.standard_normal((int(grainy.sum()), *pictures.shape[1:]), np.float32)
    pictures[grainy] += grain * np.float32(rng.uniform(0.01, 0.07))
    gain = rng.uniform(0.75, 1.25, (count, 1, 1, 1)) * rng.uniform(0.93, 1.07, (count, 1, 1, 3))
    lift = gain - 1 + rng.uniform(-0.15, 0.15, (count, 1, 1, 1))
    return np.clip(pictures * gain.astype(np.float32) + lift.astype(np.float32), -1, 1)


def _compressed(frame: UInt8[np.ndarray, "height width 3"], rng: np.random.Generator) -> Image.Image:
    picture = Image.fromarray(frame)
    if rng.random() < 0.3:
        return picture
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=int(rng.integers(15, 90)))
    return Image.open(stream)


def _small(picture: Image.Image) -> Image.Image:
    return picture.resize(mini.working_size(*picture.size), Image.Resampling.BILINEAR, reducing_gap=2.0)


def pictures_of_nothing(rng: np.random.Generator, count: int, size: tuple[int, int]) -> Float32[np.ndarray, "n h w 3"]:
    """Black, one colour, gradients and noise, in about [−1, 1]."""
    height, width = size
    kind = rng.random((count, 1, 1, 1))
    grey, colour = rng.uniform(-1, 1, (count, 1, 1, 1)), rng.uniform(-1, 1, (count, 1, 1, 3))
    plain = np.select([kind < 0.25, kind < 0.5], [np.full_like(colour, -1), grey + 0 * colour], colour)
    ramp = np.linspace(-1, 1, width)[:, None] * rng.uniform(-0.5, 0.5, (count, 1, 1, 1))
    # Codecs smear noise: grains of one to four pixels.
    grains = [
        rng.normal(size=(-(-height // size), -(-width // size), 3)).repeat(size, 0).repeat(size, 1)[:height, :width]
        for size in rng.choice([1, 2, 4], size=count)
    ]
    speckle = np.array(grains).reshape(count, height, width, 3) * rng.choice([0, 0.1, 0.5, 1.0], (count, 1, 1, 1))
    blank = plain + ramp * (rng.random((count, 1, 1, 1)) < 0.4) + speckle
    return np.clip(blank, -1, 1).astype(np.float32)


def _moved(picture: UInt8[np.ndarray, "h w *channel"], down: int, right: int) -> UInt8[np.ndarray, "h w *channel"]:
    """The picture moved, its edges repeated."""
    rows = np.clip(np.arange(picture.shape[0]) + down, 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(picture.shape[1]) + right, 0, picture.shape[1] - 1)
    return picture[rows][:, columns]


# Sounds.


@dataclass(frozen=True)
class SoundLessons:
    """Sounds as band powers, with what is heard in each second, and sounds in which nothing is."""

    powers: Float32[np.ndarray, "scene window band"]
    heard: Bool[np.ndarray, "scene second category"]
    nothing: Float32[np.ndarray, "sound window band"]

    @classmethod
    def rendered(cls, seeds: Sequence[int], rng: np.random.Generator) -> "SoundLessons":
        """The whole sound of each scene."""
        scenes = [make_scene(seed) for seed in seeds]
        powers = np.stack([mini.mel_power(render_sound(scene, mini.SAMPLE_RATE_HZ)) for scene in scenes])
        heard = np.stack([truth(scene)[0] for scene in scenes])
        return cls(powers, heard, sounds_of_nothing(rng, 400, heard.shape[1]))

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Sounds as ``mini`` hears them, varied in loudness, noise and bandwidth; one in six is empty.

        Four batches in five last one second; the others are longer and fewer, and hold what any of their seconds holds.
        """
        longest = self.heard.shape[1]
        seconds = 1 if rng.random() < 0.8 else int(rng.integers(2, longest + 1))
        power, present = self._cut(rng, max(12, size // seconds), seconds)
        power *= 10 ** (rng.uniform(-3, 0.6, (len(power), 1, 1))).astype(np.float32)
        power += _noise_floor(rng, len(power), power)
        power[rng.random(len(power)) < 0.2, :, -int(rng.integers(1, 12)) :] *= np.float32(1e-3)
        return mini.decibels(power), present

    def _cut(
        self, rng: np.random.Generator, count: int, seconds: int
    ) -> tuple[Float32[np.ndarray, "n window band"], Bool[np.ndarray, "n category"]]:
        hops = mini.SAMPLE_RATE_HZ // mini.HOP_SAMPLES
        length = (seconds * mini.SAMPLE_RATE_HZ - mini.WINDOW_SAMPLES) // mini.HOP_SAMPLES + 1
        index = rng.integers(len(self.powers), size=count)
        first = rng.integers(self.heard.shape[1] - seconds + 1, size=count)
        # One in four is cut a little early or late, as the segments of a real file may be.
        late = np.where(rng.random(count) < 0.25, rng.integers(-12, 13, size=count), 0)
        start = np.clip(first * hops + late, 0, self.powers.shape[1] - length)
        power = np.stack([self.powers[i, s : s + length] for i, s in zip(index, start, strict=True)])
        present = np.stack([self.heard[i, f : f + seconds].any(axis=0) for i, f in zip(index, first, strict=True)])
        empty = np.flatnonzero(rng.random(count) < 1 / 6)
        power[empty] = self.nothing[rng.integers(len(self.nothing), size=len(empty)), :length]
        present[empty] = False
        return power, present


def sounds_of_nothing(rng: np.random.Generator, count: int, seconds: int) -> Float32[np.ndarray, "n window band"]:
    """Silence, noise of several colours and mains hum, as band powers."""
    samples = seconds * mini.SAMPLE_RATE_HZ
    return np.stack([mini.mel_power(_nothing_heard(rng, samples)) for _ in range(count)])


def _nothing_heard(rng: np.random.Generator, samples: int) -> Float32[np.ndarray, " sample"]:
    kind = rng.integers(4)
    if kind == 0:
        return np.zeros(samples, np.float32)
    seconds = np.arange(samples) / mini.SAMPLE_RATE_HZ
    sound = rng.normal(size=samples)
    if kind == 1:
        spectrum = np.fft.rfft(sound)
        sound = np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0.2, 1), samples)
    if kind == 2:
        mains = rng.choice([50.0, 60.0])
        sound = 0.01 * sound + sum(np.sin(2 * np.pi * mains * k * seconds) * rng.uniform() / k for k in range(1, 6))
    level = 10 ** rng.uniform(-4, -0.7)
    return (level * sound / max(float(np.abs(sound).max()), 1e-9)).astype(np.float32)


def _noise_floor(
    rng: np.random.Generator, batch: int, power: Float32[np.ndarray, "batch window band"]
) -> Float32[np.ndarray, "batch window band"]:
    """Steady noise, at 15 to 60 dB below the loudest moment, for half of the batch."""
    below = 10 ** -rng.uniform(1.5, 6, (batch, 1, 1)) * (rng.random((batch, 1, 1)) < 0.5)
    tilt = 10 ** (np.linspace(-1, 1, mini.MEL_BANDS) * rng.uniform(-0.7, 0.7, (batch, 1, 1)))
    level = power.max(axis=(1, 2), keepdims=True) * below * tilt
    return (level * rng.exponential(size=power.shape)).astype(np.float32)
