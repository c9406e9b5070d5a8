"""Annotation files of the published forms, small enough to be read, with every trap that is known of the real ones."""

from pathlib import Path

LLP = {
    "AVVP_train": "filename\tevent_labels\nBjCEufrlXm4_20_30\tSpeech,Dog\n",
    "AVVP_val_pd": "filename\tevent_labels\n4O9rI-FpqLg_10_20\tCheering,Speech\n",
    "AVVP_test_pd": "filename\tevent_labels\na_b-c_d_e_12_0_10\tSpeech,Dog\nquietly_is_5_15\tCat\n",
    "AVVP_eval_audio": (
        "filename\tonset\toffset\tevent_labels\n"
        "a_b-c_d_e_12_0_10\t0\t2\tSpeech\n"
        "a_b-c_d_e_12_0_10\t9\t10\tDog\n"
        "a_b-c_d_e_12_0_10\t9\t0\tSpeech\n"
        "a_b-c_d_e_12_0_10\t0\t2\tSpeech\n"
        "a_b-c_d_e_12_0_10\t3\t4\tTuba\n"
        "KvIjsmANkxI_10_20`\t0\t1\tCat\n"
        "4O9rI-FpqLg_10_20\t1\t4\tCheering\n"
    ),
    "AVVP_eval_visual": (
        "filename\tonset\toffset\tevent_labels\na_b-c_d_e_12_0_10\t0\t10\tDog\n4O9rI-FpqLg_10_20\t0\t10\tCheering\n"
    ),
}

AVE = {
    "Annotations": (
        "Category&VideoID&Quality&StartTime&EndTime\n"
        "Church bell&-9_5_2i4igQ&good&0&10\n"
        "Bark&0qvQIuQoODo&good&2&8\n"
        "Truck&0qvQIuQoODo&good&0&3\n"
        "Goat&other&good&0&10\n"
    ),
    "testSet": "Church bell&-9_5_2i4igQ&good&0&10\nTruck&0qvQIuQoODo&good&0&3\n",
    "valSet": "Goat&other&good&0&10\nBark&other&good&9&9\nTuba&other&good&0&1\n",
    "trainSet": "Bark&0qvQIuQoODo&good&2&8\nTruck&0qvQIuQoODo&good&0&3\n",
}


def llp_files(folder: Path, **changed: str) -> Path:
    return _written(folder / "llp", LLP | changed, "csv")


def ave_files(folder: Path, **changed: str) -> Path:
    return _written(folder / "ave", AVE | changed, "txt")


def _written(folder: Path, files: dict[str, str], ending: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.{ending}").write_text(content, encoding="utf-8")
    return folder
