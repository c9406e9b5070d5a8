"""What can be seen: kinds of things, each made of classes of ImageNet and of COCO that mean the same to a user.

ImageNet has 118 breeds of dog and no dog. The probabilities of the classes of a kind are added up; where COCO has the kind too, the
surer of both counts. Classes that no kind names stand for themselves as well, under each of their names.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Int64

NAMES_FILE = "imagenet.txt"
"""ImageNet's 1000 classes in order, a line each: the synonyms of their WordNet 3.0 synsets, as every release of the data set names them."""

COCO = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, parking meter, bench, "
    "bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, "
    "snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, "
    "knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, "
    "dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, "
    "vase, scissors, teddy bear, hair drier, toothbrush"
).split(", ")
"""The 80 classes of COCO in order."""

KINDS: dict[str, tuple[str, str]] = {
    # names: (ImageNet's classes, COCO's class)
    "person, man, woman, human": ("", "person"),
    "dog, puppy": ("151-268", "dog"),
    "cat, kitten": ("281-285", "cat"),
    "bird": ("7-24 80-100 127-146", "bird"),
    "rooster, chicken, hen": ("7 8", ""),
    "duck": ("97 98", ""),
    "owl": ("24", ""),
    "eagle, hawk": ("21 22", ""),
    "parrot": ("87-90", ""),
    "penguin": ("145", ""),
    "fish": ("0 1 389-397", ""),
    "shark": ("2-4", ""),
    "frog": ("30-32", ""),
    "turtle, tortoise": ("33-37", ""),
    "sea turtle": ("33 34", ""),
    "lizard": ("38-48", ""),
    "crocodile, alligator": ("49 50", ""),
    "snake": ("52-68", ""),
    "spider": ("72-77", ""),
    "insect, bug": ("300-326", ""),
    "butterfly": ("321-326", ""),
    "beetle": ("300-307", ""),
    "bee, wasp": ("309", ""),
    "crab": ("118-121 125", ""),
    "lobster, crayfish": ("122-124", ""),
    "wolf": ("269-271", ""),
    "fox": ("277-280", ""),
    "lion": ("291", ""),
    "tiger": ("292", ""),
    "leopard": ("288-290", ""),
    "bear": ("294-297", "bear"),
    "panda": ("387 388", ""),
    "rabbit": ("330-332", ""),
    "squirrel, chipmunk": ("335", ""),
    "horse, pony": ("339 603", "horse"),
    "zebra": ("340", "zebra"),
    "pig, boar": ("341-343", ""),
    "cow, cattle, bull, ox": ("345", "cow"),
    "buffalo, bison": ("346 347", ""),
    "sheep, lamb": ("348 349", "sheep"),
    "goat": ("348-350", ""),
    "antelope, deer": ("351-353", ""),
    "camel": ("354", ""),
    "llama, alpaca": ("355", ""),
    "ferret, weasel": ("356-359", ""),
    "monkey": ("370-382", ""),
    "ape": ("365-369", ""),
    "elephant": ("101 385 386", "elephant"),
    "giraffe": ("", "giraffe"),
    "whale, dolphin": ("147 148", ""),
    "kangaroo": ("104", ""),
    "car, automobile": ("436 468 511 609 627 656 661 717 751 817", "car"),
    "race car": ("751", ""),
    "taxi": ("468", ""),
    "police car": ("734", ""),
    "truck, lorry": ("555 569 675 717 864 867", "truck"),
    "fire truck": ("555", ""),
    "bus": ("654 779 874", "bus"),
    "train, railway": ("466 547 565 705 820", "train"),
    "tram": ("829", ""),
    "motorcycle, motorbike": ("665 670", "motorcycle"),
    "bicycle, bike": ("444 671", "bicycle"),
    "airplane, aeroplane": ("404 895", "airplane"),
    "boat": ("472 484 554 576 625 814 914", "boat"),
    "ship": ("403 510 628 724 780", ""),
    "sailboat, sailing": ("484 780 871 914", ""),
    "motorboat": ("814", ""),
    "canoe, kayak, rowboat": ("472", ""),
    "tractor": ("866 595", ""),
    "tank": ("847", ""),
    "guitar": ("402 546", ""),
    "bass guitar": ("546", ""),
    "piano": ("579 881", ""),
    "organ": ("687", ""),
    "drums, drum kit": ("541", ""),
    "violin": ("889", ""),
    "double bass, cello": ("486", ""),
    "trumpet": ("513", ""),
    "saxophone": ("776", ""),
    "flute": ("558", ""),
    "harp": ("594", ""),
    "harmonica": ("593", ""),
    "accordion": ("401", ""),
    "banjo": ("420", ""),
    "gun, firearm": ("413 763 764", ""),
    "knife": ("499 623", "knife"),
    "saw, chainsaw": ("491", ""),
    "drill": ("740", ""),
    "axe": ("596", ""),
    "laptop": ("620 681", "laptop"),
    "computer": ("527 590 620 681", ""),
    "keyboard": ("508 878", "keyboard"),
    "computer mouse": ("673", "mouse"),
    "screen, monitor": ("664 782", ""),
    "television, tv": ("851", "tv"),
    "remote control": ("761", "remote"),
    "mobile phone, cell phone": ("487", "cell phone"),
    "telephone, phone": ("487 528 707", "cell phone"),
    "camera": ("732 759", ""),
    "clock, watch": ("409 530 531 892 826", "clock"),
    "book": ("", "book"),
    "bottle": ("440 737 898 899 907", "bottle"),
    "cup, mug": ("504 968", "cup"),
    "wine glass": ("572", "wine glass"),
    "bowl": ("659 809", "bowl"),
    "pot, pan, frying pan": ("544 567 909", ""),
    "spoon": ("618 910", "spoon"),
    "fork": ("", "fork"),
    "oven, stove": ("827", "oven"),
    "microwave oven": ("651", "microwave"),
    "refrigerator, fridge": ("760", "refrigerator"),
    "toaster": ("859", "toaster"),
    "washing machine": ("897", ""),
    "vacuum cleaner": ("882", ""),
    "hair dryer, hair drier": ("589", "hair drier"),
    "toilet": ("861", "toilet"),
    "sink": ("896", "sink"),
    "bathtub": ("435 876", ""),
    "toothbrush": ("", "toothbrush"),
    "scissors": ("", "scissors"),
    "chair": ("423 559 765", "chair"),
    "couch, sofa": ("831", "couch"),
    "bed": ("564", "bed"),
    "table, dining table": ("532", "dining table"),
    "desk": ("526", ""),
    "bench": ("703", "bench"),
    "lamp": ("846", ""),
    "candle": ("470", ""),
    "potted plant": ("738", "potted plant"),
    "vase": ("883", "vase"),
    "teddy bear": ("850", "teddy bear"),
    "toy": ("850 865", ""),
    "umbrella": ("879", "umbrella"),
    "backpack": ("414", "backpack"),
    "handbag": ("748", "handbag"),
    "suitcase": ("", "suitcase"),
    "necktie": ("906", "tie"),
    "hat": ("439 452 515 808", ""),
    "sunglasses": ("836 837", ""),
    "ball": ("429 430 522 574 722 768 805 852 890", "sports ball"),
    "football, soccer": ("805", ""),
    "basketball": ("430", ""),
    "volleyball": ("890", ""),
    "tennis": ("752 852", "tennis racket"),
    "tennis racket": ("752", "tennis racket"),
    "table tennis, ping-pong": ("722", ""),
    "baseball": ("429 981", ""),
    "baseball player": ("981", ""),
    "baseball bat": ("", "baseball bat"),
    "baseball glove": ("", "baseball glove"),
    "golf": ("574 575", ""),
    "skateboard, skateboarding": ("", "skateboard"),
    "surfboard, surfing": ("", "surfboard"),
    "ski, skiing": ("795", "skis"),
    "snowboard, snowboarding": ("", "snowboard"),
    "frisbee": ("", "frisbee"),
    "kite": ("", "kite"),
    "scuba diver, scuba diving": ("983", ""),
    "weightlifting, barbell, dumbbell": ("422 543", ""),
    "traffic light": ("920", "traffic light"),
    "street sign": ("919", "stop sign"),
    "fire hydrant": ("", "fire hydrant"),
    "parking meter": ("704", "parking meter"),
    "church": ("497", ""),
    "bridge": ("821 839 888", ""),
    "mountain": ("970 980", ""),
    "volcano": ("980", ""),
    "beach, sea, coast": ("978 977", ""),
    "lake": ("975", ""),
    "coral reef": ("973", ""),
    "cliff": ("972", ""),
    "pizza": ("963", "pizza"),
    "hamburger, cheeseburger": ("933", ""),
    "sandwich": ("", "sandwich"),
    "hot dog": ("934", "hot dog"),
    "donut, doughnut": ("", "donut"),
    "cake": ("", "cake"),
    "ice cream": ("928", ""),
    "bread": ("930 931", ""),
    "banana": ("954", "banana"),
    "apple": ("948", "apple"),
    "orange": ("950", "orange"),
    "lemon": ("951", ""),
    "strawberry": ("949", ""),
    "broccoli": ("937", "broccoli"),
    "carrot": ("", "carrot"),
    "cucumber": ("943", ""),
    "mushroom": ("947 991-997", ""),
    "pumpkin, squash vegetable": ("940-942", ""),
    "flower": ("985 986", ""),
}
"""Written for this project from the names of both data sets. A goat is recognised from rams and ibexes, a bass by a cello: the nearest there is."""


HOMONYMS = frozenset(
    "ai bar beam cote board bow boxer brass buckle bugle cab carrier cell chopper chow cling comfort comforter crane cricket drop "
    "dipper ear eft fan groin hack harp seal head hip hog hop hopper horn jack jay jersey kite light lock mail mole mortar mouse "
    "nail nipple organ painter pick pike pole pot press projectile puff reel rule ruler scale screen shuffle spot stage sub switch "
    "taper tank suit ti torch trump tub wing".split()
)
"""Names of classes that users mean something else by: no label is known by one of them. A cab that is asked for is a taxi."""


@dataclass(frozen=True)
class Thing:
    """A kind of thing that can be seen."""

    names: tuple[str, ...]
    classes: tuple[int, ...]
    """Of ImageNet."""
    coco: int | None = None
    is_kind: bool = True
    """Otherwise it is a single class of ImageNet."""

    @property
    def name(self) -> str:
        """The name that users see."""
        return self.names[0]

    @property
    def known_by(self) -> tuple[str, ...]:
        """The texts by which labels find it: all names of a kind, and of a single class those that mean nothing else to most.

        >>> things()[-1000 + 673].known_by, things()[-1000 + 593].known_by
        (('computer mouse',), ('harmonica', 'mouth organ', 'mouth harp'))
        """
        return self.names if self.is_kind else tuple(name for name in self.names if name not in HOMONYMS)


@cache
def things() -> tuple[Thing, ...]:
    """Every thing that is known by sight: the kinds, then the classes of ImageNet one by one.

    >>> [thing.name for thing in things()[:3]], len(things()[1].classes)
    (['person', 'dog', 'cat'], 118)
    """
    kinds = [
        Thing(tuple(names.split(", ")), _numbers(classes), COCO.index(coco) if coco else None)
        for names, (classes, coco) in KINDS.items()
        if classes or coco
    ]
    lines = files("av2a.backbones.light").joinpath(NAMES_FILE).read_text("utf-8").splitlines()
    single = [Thing(tuple(line.split(", ")), (number,), is_kind=False) for number, line in enumerate(lines)]
    return (*kinds, *single)


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of ranges such as ``7-24 80``."""
    ends = [[int(end) for end in part.split("-")] for part in text.split()]
    return tuple(number for first, *last in ends for number in range(first, (last or [first])[0] + 1))


@cache
def members() -> tuple[Int64[np.ndarray, " member"], Int64[np.ndarray, " member"]]:
    """Each class of ImageNet that a thing is made of: the thing, and the class."""
    pairs = [(number, each) for number, thing in enumerate(things()) for each in thing.classes]
    of_things, classes = np.array(pairs, np.int64).T
    return of_things, classes
