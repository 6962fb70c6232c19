"""Runs in the environment of one peer: makes a model file, or times one.

python worker.py JOB.json: `job["do"]` is `prepare` or `time`. The answer is one line, `RESULT {...}`, for some peers
print lines of their own.
"""

import importlib
import json
import sys

import numpy

import timing


def _pictures(path, imgsz):
    return numpy.fromfile(path, numpy.uint8).reshape(-1, 3, imgsz, imgsz).astype(numpy.float32) / 255


def _sizes(arrays):
    """The outputs in one number each, by size: what tells whether two peers computed the same network."""
    ordered = sorted((numpy.asarray(array, numpy.float32) for array in arrays), key=lambda array: -array.size)
    return [[int(array.size), float(numpy.abs(array).mean())] for array in ordered]


def main(path):
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    runtime = importlib.import_module(f"runtimes.{job['peer']}_runtime")
    job["picture"] = numpy.ascontiguousarray(_pictures(job["timed"], job["imgsz"]))
    answer = {}
    if job["do"] == "prepare":
        job["scenes"] = _pictures(job["scenes"], job["imgsz"])
        runtime.prepare(job)
        answer["runtime_version"] = runtime.version()
    run, outputs = runtime.open_model(job)
    if job["do"] == "time":
        answer.update(timing.measure(run, job["min_samples"], job["min_seconds"]))
    else:
        run()
        answer["outputs"] = _sizes(outputs())
    print("RESULT " + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
