"""The files that are timed: the same network for everyone, with released weights where they can be had.

Below WORK/models/NAME-SIZE-DIGEST/: source.onnx (float32, batch norm folded, raw outputs of the head),
quench.int8.onnx, ncnn.float32.param, ncnn.int8.param, and what the peers make of source.onnx.
"""

import hashlib
import json
import os
import subprocess
import sys

import pictures
from failure import ENVIRONMENT, Failure

SCENES = 16  # that quantizers look at; latency does not depend on the ranges that they find
ENDINGS = {"openvino": "xml", "onnxruntime": "onnx", "mnn": "mnn", "ncnn": "param"}
PRECISION = {32: "float32", 8: "int8"}
# Mean sizes of outputs against the first peer's in float32. Measured: 1e-5 in float32, 0.13 in INT8 (MNN, yolov8n).
_AGREE = {32: 0.01, 8: 0.5}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Quench:
    """The program: its version, and commands that either work or throw."""

    def __init__(self, path):
        self.path = path
        if not os.access(path, os.X_OK):
            raise Failure(f"expected the program at {path}: make release, or --quench FILE", ENVIRONMENT)
        self.version = self.run("--version").stdout.strip()

    def run(self, *arguments, fatal=True):
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True, check=False)
        if fatal and done.returncode != 0:
            raise Failure(f"quench {' '.join(arguments)}: {done.stderr.strip().splitlines()[-1:]}")
        return done


def weights(quench, name, given, initial):
    """(MODEL argument of quench, what to say of it): a file that is given, or released weights, or initial ones."""
    if given:
        if not os.path.exists(given):
            raise Failure(f"--weights {name}={given}: no such file")
        return given, f"{os.path.basename(given)}, sha256 {digest(given)[:16]}"
    if initial:
        return name, "initial weights"
    fetched = quench.run("fetch", name, fatal=False)
    path = os.path.expanduser(f"~/.cache/quench/weights/{name}.pt")
    if fetched.returncode == 0 and os.path.exists(path):
        return path, f"{name}.pt as released, sha256 {digest(path)[:16]}"
    why = (fetched.stderr.strip().splitlines() or ["no message"])[-1]
    print(
        f"bench-peers: warning: initial weights of {name}, for the released ones cannot be had ({why}); "
        f"--weights {name}=FILE names a file",
        file=sys.stderr,
    )
    return name, "initial weights"


class Model:
    """One network with its files."""

    def __init__(self, quench, name, imgsz, model, said, work):
        self.quench, self.name, self.imgsz, self.weights = quench, name, imgsz, said
        key = hashlib.sha256(f"{said} {quench.version} {digest(quench.path)}".encode()).hexdigest()[:12]
        self.folder = os.path.join(work, "models", f"{name}-{imgsz}-{key}")
        self.source = os.path.join(self.folder, "source.onnx")
        if not os.path.exists(os.path.join(self.folder, "complete")):
            self._make(model)

    def file(self, runtime, bits):
        if runtime == "quench":
            return self.source if bits == 32 else os.path.join(self.folder, "quench.int8.onnx")
        return os.path.join(self.folder, f"{runtime}.{PRECISION[bits]}.{ENDINGS[runtime]}")

    def _make(self, model):
        print(
            f"bench-peers: making {self.name} at {self.imgsz} px ({self.weights}) below {self.folder}",
            file=sys.stderr,
            flush=True,
        )
        os.makedirs(self.folder, exist_ok=True)
        pictures.write_all(self.folder, self.imgsz, SCENES)
        unfolded, for_ncnn = os.path.join(self.folder, "unfolded.onnx"), os.path.join(self.folder, "ncnn.onnx")
        self.quench.run("export", model, "--imgsz", str(self.imgsz), "-o", unfolded)
        self.quench.run("export", unfolded, "--fold", "-o", self.source)
        classes = json.loads(self.quench.run("info", unfolded, "--format", "json").stdout)["metadata"]["classes"]
        data = os.path.join(self.folder, "data.yaml")
        with open(data, "w", encoding="utf-8") as file:
            file.write(f"train: data/images\nval: data/images\nnames: {classes}\n")
        for target, output in [("native", self.file("quench", 8)), ("tensorrt", for_ncnn)]:
            self.quench.run(
                "quantize",
                unfolded,
                "--target",
                target,
                "--data",
                data,
                "--calibration-images",
                str(SCENES),
                "-o",
                output,
            )
        for source, bits in [(self.source, 32), (for_ncnn, 8)]:
            self.quench.run("export", source, "--to", "ncnn", "-o", self.file("ncnn", bits))
        with open(os.path.join(self.folder, "complete"), "w", encoding="utf-8"):
            pass

    def job(self, peer, bits):
        """What worker.py needs to know, but for `do`, `threads` and `reduce_range`."""
        return {
            "peer": peer,
            "source": self.source,
            "file": self.file(peer, bits),
            "bits": bits,
            "imgsz": self.imgsz,
            "timed": os.path.join(self.folder, "timed.bin"),
            "scenes": os.path.join(self.folder, "scenes.bin"),
            "images": os.path.join(self.folder, "data/images"),
        }


def why_another_network(outputs, reference, bits):
    """None if the sizes of a peer's outputs say that it computed the network of `reference`, else what differs."""
    if [size for size, _ in outputs] != [size for size, _ in reference]:
        return f"outputs of {[size for size, _ in outputs]} values, expected {[size for size, _ in reference]}"
    for (size, got), (_, expected) in zip(outputs, reference):
        if not abs(got - expected) <= _AGREE[bits] * abs(expected):
            return f"mean size of the output of {size} values: {got:.4g}, expected {expected:.4g}"
    return None
