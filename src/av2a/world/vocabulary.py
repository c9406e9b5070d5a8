"""The labels of the generated world, and other wordings of each.

They are as close to LLP and AVE as drawing allows, and include similar ones (dog and cat; car, bus and motorcycle; violin and
cello), as real scenes do.
"""

PARAPHRASES: dict[str, tuple[str, ...]] = {
    "dog barking": ("a dog barking", "dog bark", "barking dog", "dog"),
    "cat meowing": ("a cat meowing", "cat meow", "meowing cat", "cat"),
    "bird singing": ("a bird singing", "bird song", "birds chirping", "bird"),
    "rooster crowing": ("a rooster crowing", "cock-a-doodle-doo", "crowing cock", "rooster"),
    "cow mooing": ("a cow mooing", "cow moo", "cattle lowing", "cow"),
    "frog croaking": ("a frog croaking", "frog croak", "croaking frog", "frog"),
    "man speaking": ("a man speaking", "speech", "male speech", "man talking"),
    "woman singing": ("a woman singing", "singing", "female singer", "woman's song"),
    "baby crying": ("a baby crying", "baby cry", "crying infant", "baby"),
    "car passing": ("a car passing by", "car driving past", "passing car", "car"),
    "bus passing": ("a bus passing by", "bus driving past", "passing bus", "bus"),
    "motorcycle riding": ("a motorcycle riding by", "motorbike", "revving motorcycle", "motorcycle"),
    "train passing": ("a train passing by", "train on rails", "passing train", "train"),
    "helicopter flying": ("a helicopter flying", "helicopter overhead", "chopper", "helicopter"),
    "ambulance siren": ("an ambulance with its siren on", "siren", "emergency siren", "ambulance"),
    "church bell ringing": ("a church bell ringing", "church bells", "bell tolling", "church bell"),
    "clock ticking": ("a clock ticking", "tick-tock", "ticking clock", "clock"),
    "telephone ringing": ("a telephone ringing", "phone ringing", "ringing telephone", "telephone"),
    "chainsaw running": ("a chainsaw running", "chainsaw cutting wood", "chain saw", "chainsaw"),
    "hammer pounding": ("a hammer pounding a nail", "hammering", "hammer blows", "hammer"),
    "blender running": ("a blender running", "kitchen blender", "food blender", "blender"),
    "acoustic guitar": ("an acoustic guitar", "guitar strumming", "playing the guitar", "guitar"),
    "violin": ("a violin", "violin playing", "playing the violin", "fiddle"),
    "cello": ("a cello", "cello playing", "playing the cello"),
    "piano": ("a piano", "piano playing", "playing the piano"),
    "drum": ("a drum", "drumming", "playing the drums", "drum beat"),
    "accordion": ("an accordion", "accordion playing", "playing the accordion"),
    "trumpet": ("a trumpet", "trumpet playing", "playing the trumpet"),
    "rain falling": ("rain", "falling rain", "rainfall", "it is raining"),
    "fire crackling": ("a fire crackling", "campfire", "crackling flames", "fire burning"),
    "fireworks": ("fireworks exploding", "firework display", "fireworks in the sky"),
}
"""Two or more other wordings of each label; none belongs to two labels."""

NAMES: tuple[str, ...] = tuple(PARAPHRASES)
"""The labels, in the order of the category axis of every array."""
