"""The pictures that both train on, below WORK/training: quench's own copies (`quench data fetch`), as both can read them."""

import json
import os
import shutil
import struct
import zlib

from failure import ENVIRONMENT, Failure

_SIDE, _TEST = 32, 2000  # of the test pictures as many as it takes to see every class


def _png(planes):
    """An RGB picture of three planes of _SIDE x _SIDE bytes, as the bytes of a file."""
    size = _SIDE * _SIDE
    rows = b"".join(
        b"\0" + bytes(planes[c * size + y * _SIDE + x] for x in range(_SIDE) for c in range(3)) for y in range(_SIDE)
    )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _source(root, name, file):
    path = os.path.join(root, name, file)
    if not os.path.exists(path):
        raise Failure(f"expected {path}: quench data fetch {name}, or --data-root FOLDER", ENVIRONMENT)
    return path


def cifar100(root, work, images):
    """A folder train/CLASS/*.png of the first `images`, and a small test/ likewise. Returns it."""
    folder = os.path.join(work, "training", f"cifar100-{images}")
    if os.path.exists(os.path.join(folder, "complete")):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    record = 2 + 3 * _SIDE * _SIDE  # coarse label, fine label, planes
    for split, count in [("train", images), ("test", _TEST)]:
        with open(_source(root, "cifar100", split + ".bin"), "rb") as file:
            for number in range(count):
                data = file.read(record)
                if len(data) < record:
                    raise Failure(f"expected {count} pictures in {file.name}, got {number}")
                path = os.path.join(folder, split, f"class_{data[1]:02d}")
                os.makedirs(path, exist_ok=True)
                with open(os.path.join(path, f"{number:05d}.png"), "wb") as out:
                    out.write(_png(data[2:]))
    with open(os.path.join(folder, "complete"), "w", encoding="utf-8"):
        pass
    return folder


def coco128(root, work):
    """A data.yaml of a copy (Ultralytics writes a cache beside the labels). Returns it."""
    folder = os.path.join(work, "training", "coco128")
    yaml = os.path.join(folder, "data.yaml")
    if os.path.exists(yaml):
        return yaml
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("images", "labels"):
        shutil.copytree(_source(root, "coco128", os.path.join(part, "train2017")), os.path.join(folder, part, "train2017"))
    with open(_source(root, "coco128", "annotations/instances_coco128.json"), encoding="utf-8") as file:
        names = [row["name"] for row in sorted(json.load(file)["categories"], key=lambda row: row["id"])]
    with open(yaml, "w", encoding="utf-8") as file:
        file.write(f"path: {folder}\ntrain: images/train2017\nval: images/train2017\nnames: {json.dumps(names)}\n")
    return yaml
