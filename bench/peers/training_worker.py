"""Runs in the peer's own Python: trains with Ultralytics as one JSON object on stdin says, and prints
{"images_per_second": [of each epoch], "versions": {...}} as the last line. Nothing is downloaded."""

import json
import os
import sys
import time

os.environ["YOLO_OFFLINE"] = "true"


def main():
    job = json.load(sys.stdin)
    import torch
    import ultralytics
    from ultralytics import YOLO, settings

    settings.update({"sync": False})
    speeds, epoch = [], {}

    def set_threads(_):
        torch.set_num_threads(job["threads"])  # it takes one fewer than there are processors

    def start(_):
        epoch["start"] = time.perf_counter()

    def end(trainer):
        speeds.append(len(trainer.train_loader.dataset) / (time.perf_counter() - epoch["start"]))

    model = YOLO(job["model"] + ".yaml")
    model.add_callback("on_train_start", set_threads)
    model.add_callback("on_train_epoch_start", start)
    model.add_callback("on_train_epoch_end", end)
    model.train(
        data=job["data"],
        imgsz=job["imgsz"],
        batch=job["batch"],
        epochs=job["epochs"],
        workers=job["workers"],
        cache=job["cache"],
        device="cpu",
        optimizer="SGD",
        seed=job["seed"],
        close_mosaic=0,
        amp=False,
        val=False,
        plots=False,
        save=False,
        verbose=False,
        project=job["folder"],
        exist_ok=True,
    )
    versions = {"ultralytics": ultralytics.__version__, "torch": torch.__version__}
    print(json.dumps({"images_per_second": speeds, "versions": versions}))


if __name__ == "__main__":
    main()
