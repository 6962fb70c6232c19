"""NCNN. Its wheel has no tool that quantizes: both models are those of `quench export --to ncnn` (models.py)."""

import ncnn
import numpy


def version():
    return ncnn.__version__


def prepare(job):
    """The files are there: quench wrote them."""


def open_model(job):
    net = ncnn.Net()
    net.opt.num_threads = job["threads"]
    net.opt.use_vulkan_compute = False
    for name in ("bf16_storage", "bf16_packed", "fp16_storage", "fp16_packed", "fp16_arithmetic"):
        setattr(net.opt, "use_" + name, False)
    if net.load_param(job["file"]) != 0 or net.load_model(job["file"][: -len(".param")] + ".bin") != 0:
        raise RuntimeError(f"NCNN cannot read {job['file']}")
    picture = ncnn.Mat(job["picture"][0]).clone()
    last = {}

    def run():
        extractor = net.create_extractor()
        extractor.input("images", picture)
        for name in net.output_names():
            code, last[name] = extractor.extract(name)
            if code != 0:
                raise RuntimeError(f"NCNN cannot run {job['file']}: code {code} at {name}")

    return run, lambda: [numpy.array(value) for value in last.values()]
