"""The picture that is timed, and those that the quantizers look at. The same on every machine, of no file."""

import os
import struct
import zlib

_WORD = (1 << 64) - 1


def _rotate(x, k):
    return ((x << k) | (x >> (64 - k))) & _WORD


def _split_mix(x):
    x = (x + 0x9E3779B97F4A7C15) & _WORD
    z = x
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return x, z ^ (z >> 31)


def noise(name, count):
    """`count` uniform bytes: those of `quench::Rng(0, name)` (src/core/rng.h: xoshiro256**, seeded by name)."""
    hashed = 0xCBF29CE484222325
    for byte in name.encode():
        hashed = ((hashed ^ byte) * 0x100000001B3) & _WORD
    x, z = _split_mix(0)
    x, z = _split_mix(z ^ hashed)
    x, z = _split_mix(z)
    x, state = z, []
    for _ in range(4):
        x, z = _split_mix(x)
        state.append(z)
    a, b, c, d = state
    out = bytearray(count)
    for i in range(count):
        out[i] = (_rotate((b * 5) & _WORD, 7) * 9) & 255
        t = (b << 17) & _WORD
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= t
        d = _rotate(d, 45)
    return bytes(out)


def timed(imgsz):
    """What `quench bench` runs a model on (runtime::noise_image): [3,imgsz,imgsz] bytes."""
    return noise("bench image", 3 * imgsz * imgsz)


def scene(number, side):
    """Blots of all sizes and colours on a slope of grey, with fine noise: [side,side,3] bytes."""
    dice = noise(f"scene {number}", 40 * 8)
    grain = noise(f"grain {number}", 4096)
    rows = []
    for y in range(side):
        row = bytearray()
        for x in range(side):
            grey = 40 + (x * dice[0] + y * dice[1]) // (4 * side) + grain[(x * 61 + y * 127) & 4095] // 16
            row += bytes((grey, grey, grey))
        rows.append(row)
    for blot in range(1, 40):
        left, top, size, long, red, green, blue, _ = dice[8 * blot : 8 * blot + 8]
        width = max(2, size * side // (255 * (1 + blot // 6)))
        height = max(2, width * (64 + long) // 192)
        x, y = left * side // 256, top * side // 256
        for line in rows[y : y + height]:
            end = min(side, x + width)
            line[3 * x : 3 * end] = bytes((red, green, blue)) * (end - x)
    return b"".join(rows)


def write_png(path, pixels, side):
    """`pixels`: [side,side,3] bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + pixels[3 * side * y : 3 * side * (y + 1)] for y in range(side))
    with open(path, "wb") as file:
        file.write(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(lines, 6))
            + chunk(b"IEND", b"")
        )


def write_all(folder, imgsz, count):
    """Below `folder`: timed.bin, and `count` scenes twice: scenes.bin ([N,3,H,W] bytes) and data/images/*.png with
    data/labels/*.txt, a data set of quench."""
    os.makedirs(os.path.join(folder, "data/images"), exist_ok=True)
    os.makedirs(os.path.join(folder, "data/labels"), exist_ok=True)
    with open(os.path.join(folder, "timed.bin"), "wb") as file:
        file.write(timed(imgsz))
    with open(os.path.join(folder, "scenes.bin"), "wb") as planar:
        for i in range(count):
            pixels = scene(i, imgsz)
            planar.write(pixels[0::3] + pixels[1::3] + pixels[2::3])
            write_png(os.path.join(folder, f"data/images/scene{i:02}.png"), pixels, imgsz)
            with open(os.path.join(folder, f"data/labels/scene{i:02}.txt"), "w", encoding="utf-8"):
                pass  # no boxes: ranges are all that is wanted
