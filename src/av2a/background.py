"""Everyday sights and sounds that a label's score is measured against.

The ``practical`` profile asks how far a label's similarity to a segment lies above the similarities of these concepts (in their standard
deviations), so that a score does not depend on which other labels were asked for. A concept that means the same as a
label, or holds it, must not count against it: each concept lists the words by which it is recognised.
"""

from functools import cache, lru_cache

CONCEPTS: dict[str, str] = {
    # name: words (beginnings of words) that make a label a near-synonym of it
    "a dog barking": "dog bark puppy hound howl growl pet",
    "a cat meowing": "cat meow kitten purr kitty pet",
    "a bird singing": "bird chirp tweet songbird sparrow parakeet parrot crow pigeon",
    "a rooster crowing": "rooster cock crow chicken hen poultry",
    "a duck quacking": "duck quack goose geese",
    "a cow mooing": "cow moo cattle bull ox livestock",
    "a sheep bleating": "sheep bleat lamb goat livestock",
    "a horse trotting": "horse trot gallop pony hoof hooves neigh",
    "a pig grunting": "pig grunt oink hog livestock",
    "a frog croaking": "frog croak toad",
    "insects buzzing": "insect bee fly mosquito wasp buzz cricket cicada",
    "a lion roaring": "lion roar tiger leopard",
    "a monkey": "monkey ape chimp gorilla",
    "fish in water": "fish aquarium shark",
    "a man speaking": "man speak speech talk voice conversation person people narrat",
    "a woman speaking": "woman speak speech talk voice conversation person people narrat",
    "a child speaking": "child kid speak speech talk voice",
    "a baby crying": "baby infant cry toddler",
    "a person laughing": "laugh giggl chuckl person people",
    "a person singing": "sing song vocal choir voice",
    "a person shouting": "shout scream yell voice",
    "a person coughing": "cough sneez",
    "a crowd cheering": "crowd cheer audience applau people",
    "people clapping": "clap applau audience people",
    "footsteps": "footstep walk step",
    "a person running": "run jog person",
    "a person dancing": "danc person",
    "a person cooking": "cook kitchen chef person",
    "food frying in a pan": "fry sizzl pan cook food",
    "a person eating": "eat food meal dinner person",
    "a person reading": "read book person",
    "a person typing": "typ keyboard computer person",
    "a car passing by": "car automobile vehicle driv traffic race",
    "a truck": "truck lorry vehicle",
    "a bus": "bus vehicle",
    "a motorcycle": "motorcycle motorbike scooter moped",
    "a bicycle": "bicycle bike cycl",
    "a train": "train rail railway locomotive subway tram",
    "an airplane": "airplane plane aircraft jet flight",
    "a helicopter": "helicopter chopper rotor aircraft",
    "a boat": "boat ship sail ferry vessel",
    "a siren": "siren ambulance police emergency fire",
    "a car horn": "horn honk beep car",
    "a bell ringing": "bell ring chime church",
    "a clock ticking": "clock tick watch alarm",
    "a telephone ringing": "phone telephone ring",
    "an alarm beeping": "alarm beep smoke",
    "a door closing": "door knock clos slam",
    "a hammer": "hammer nail knock tool bang",
    "a chainsaw": "chainsaw saw",
    "a drill": "drill tool",
    "a lawn mower": "lawn mower mow",
    "a vacuum cleaner": "vacuum clean hoover",
    "a blender": "blender mixer food",
    "a washing machine": "wash laundry",
    "a hair dryer": "hair dryer",
    "an engine running": "engine motor idling rev",
    "a guitar": "guitar banjo ukulele strum pluck string",
    "a piano": "piano keyboard organ",
    "a violin": "violin fiddle cello string",
    "drums": "drum percussion beat",
    "a flute": "flute whistle clarinet",
    "a trumpet": "trumpet horn brass trombone",
    "an accordion": "accordion harmonica",
    "music playing": "music song melody band orchestra concert instrument guitar piano violin cello banjo "
    "drum flute trumpet accordion ukulele",
    "rain": "rain drizzl storm",
    "thunder": "thunder lightning storm",
    "wind": "wind breeze storm gust",
    "waves on a beach": "wave beach sea ocean surf",
    "a river flowing": "river stream water waterfall flow",
    "water pouring": "water pour splash faucet tap",
    "a fire burning": "fire flame burn campfire crackl",
    "fireworks": "firework firecracker explo",
    "an explosion": "explo blast bomb",
    "a gunshot": "gun gunshot shoot rifle",
    "glass breaking": "glass break shatter",
    "a ball being kicked": "ball kick football soccer basketball tennis sport",
    "a swimming pool": "swim pool",
    "a skateboard": "skateboard skate roller",
    "snow": "snow ski ice",
    "a mountain": "mountain hill rock",
    "a forest": "forest tree wood",
    "a flower": "flower plant garden",
    "grass in a field": "grass field meadow",
    "the blue sky": "sky cloud",
    "a sunset": "sunset sunrise",
    "a street in a city": "street city road traffic building",
    "a building": "building house tower",
    "an empty room": "room indoor",
    "a table with a cup": "table cup desk",
    "a chair": "chair sofa seat",
    "a window": "window",
    "a computer screen": "computer screen monitor television",
    "text on a screen": "text caption subtitle title",
    "a person's face": "face portrait person",
    "a hand": "hand finger",
    "clothes": "cloth shirt dress",
    "a toy": "toy doll",
    "a book": "book page",
    "silence": "silen quiet",
    "background noise": "noise hum hiss static",
    "a black screen": "black blank dark",
}

BACKGROUND: tuple[str, ...] = tuple(CONCEPTS)
"""The names of the concepts, in a fixed order."""


@lru_cache(maxsize=1)
def _words(text: str) -> tuple[str, ...]:
    # The last one is kept: a label is compared with each concept in turn.
    return tuple("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())


@cache
def _recognised_by(concept: str) -> tuple[str, ...]:
    known = CONCEPTS.get(concept)
    if known is not None:
        return tuple(known.split())
    # A user's own background name is recognised by its own longer words.
    return tuple(word for word in _words(concept) if len(word) > 3) or _words(concept)


def near_synonym(label: str, concept: str) -> bool:
    """Whether ``concept`` must not count against ``label``: they share a word that says what both are about.

    >>> near_synonym("Dog barking", "a dog barking")
    True
    >>> near_synonym("violin", "music playing")
    True
    >>> near_synonym("dog barking", "a cat meowing")
    False
    """
    words = _words(label)
    return any(_same(word, stem) for word in words for stem in _recognised_by(concept))


def _same(word: str, stem: str) -> bool:
    # "cat" must not match "cattle": short stems match the word or its plural, longer ones any ending.
    return word in (stem, stem + "s") or (len(stem) > 3 and word.startswith(stem))
