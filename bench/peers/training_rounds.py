"""One training of one contender, and the rounds of all, in turn."""

import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import time

from failure import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
SETTINGS = {  # of each model: the pictures, the side, images a step, epochs (the first warms up)
    "yolov8n": {"data": "coco128", "imgsz": 320, "batch": 16, "epochs": {"quench": 5, "ultralytics": 3}},
    "yolov5n": {"data": "coco128", "imgsz": 320, "batch": 16, "epochs": {"quench": 5, "ultralytics": 3}},
    "yolov8n-cls": {"data": "cifar100", "imgsz": 64, "batch": 128, "epochs": {"quench": 4, "ultralytics": 2}},
}


def _last_line(text):
    return (text.strip().splitlines() or ["no message"])[-1][:300]


def _quench(options, model, precision, processes, data, folder):
    wanted = SETTINGS[model]
    output = os.path.join(folder, "model.onnx")
    command = [options.quench, "train", "--model", model, "--data", data, "--imgsz", wanted["imgsz"], "--batch", wanted["batch"]]
    command += ["--epochs", wanted["epochs"]["quench"], "--eval-every", 100, "--test-limit", 16, "--warmup-epochs", 0]
    command += ["--threads", max(1, options.threads // processes), "--workers", options.workers, "--precision", precision]
    command += ["--world-size", processes] if processes > 1 else []
    command += ["-o", output]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"quench train {model} --precision {precision} --world-size {processes}: {_last_line(done.stderr)}")
    found = [os.path.join(at, "results.csv") for at, _, files in os.walk(folder) if "results.csv" in files]
    with open(found[0], encoding="utf-8") as file:
        return [float(row["images_per_second"]) for row in csv.DictReader(file, skipinitialspace=True)]


def _ultralytics(options, model, data, folder):
    wanted = SETTINGS[model]
    job = {
        "model": model,
        "data": data,
        "imgsz": wanted["imgsz"],
        "batch": wanted["batch"],
        "epochs": wanted["epochs"]["ultralytics"],
        "threads": options.threads,
        "workers": options.workers,
        "cache": "ram",
        "seed": 0,
        "folder": folder,
    }
    done = subprocess.run(
        [options.python, os.path.join(HERE, "training_worker.py")],
        input=json.dumps(job),
        cwd=folder,
        env={**os.environ, "YOLO_CONFIG_DIR": folder, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failure(f"Ultralytics {model}: {_last_line(done.stderr or done.stdout)}")
    return json.loads(done.stdout.strip().splitlines()[-1])["images_per_second"]


def versions(python):
    """Of what the peer's Python has. Throws Failure where it has no Ultralytics."""
    code = "import torch, ultralytics; print(torch.__version__, ultralytics.__version__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"--python {python}: {_last_line(done.stderr)}")
    torch, ultralytics = done.stdout.split()[-2:]
    return {"torch": torch, "ultralytics": ultralytics}


def run(options, data, store):
    """Each round takes the contenders of a model one after the other, in a new random order."""
    for number in range(options.rounds):
        for model in options.models:
            contenders = [("quench", p, n) for p in options.precisions for n in options.processes]
            contenders.append(("ultralytics", "fp32", 1))
            random.Random(f"{number} {model}").shuffle(contenders)
            for runtime, precision, processes in contenders:
                cell = {"model": model, "precision": precision, "processes": processes, "runtime": runtime, "round": number}
                if any(r["kind"] == "time" and all(r[k] == v for k, v in cell.items()) for r in store.all):
                    continue
                folder = os.path.join(options.work, "training", "run")
                shutil.rmtree(folder, ignore_errors=True)
                os.makedirs(folder)
                if runtime == "quench":
                    speeds = _quench(options, model, precision, processes, data[model], folder)
                else:
                    speeds = _ultralytics(options, model, data[model], folder)
                # The first epoch opens files and warms caches up.
                speed = statistics.median(speeds[1:])
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                store.append({"kind": "time", **cell, "images_per_second": round(speed, 2), "epochs": speeds, "time": now})
                print(f"round {number + 1}  {model:12} {runtime:12} {precision} {processes}  {speed:8.1f} images/s", flush=True)
