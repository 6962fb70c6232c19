"""MNN; INT8 by its mnnquant.

MNN.tools is never imported: its logger installs a package with whatever pip is first in PATH and sends what was
converted to a server. `_tools` is the library below it and does neither.
"""

import json
import os

import MNN
import numpy


def version():
    return MNN.version()


def _float_file(job):
    return job["file"] if job["bits"] == 32 else job["file"] + ".float"


def prepare(job):
    import _tools

    _tools.mnnconvert(
        [
            "mnnconvert",
            "-f",
            "ONNX",
            "--modelFile",
            job["source"],
            "--MNNModel",
            _float_file(job),
            "--bizCode",
            "bench",
            "--batch",
            "1",
        ]
    )
    if job["bits"] == 32:
        return
    settings = job["file"] + ".json"
    with open(settings, "w", encoding="utf-8") as file:
        json.dump(
            {
                "format": "RGB",
                "mean": [0, 0, 0],
                "normal": [1 / 255] * 3,
                "width": job["imgsz"],
                "height": job["imgsz"],
                "path": job["images"] + "/",
                "used_image_num": len(job["scenes"]),
                "feature_quantize_method": "EMA",
                "weight_quantize_method": "MAX_ABS",
            },
            file,
        )
    # A list, as of a command line: the wheel's own mnnquant passes three strings and dies of std::length_error.
    _tools.mnnquant(["mnnquant", _float_file(job), job["file"], settings])
    os.remove(_float_file(job))


def open_model(job):
    interpreter = MNN.Interpreter(job["file"])
    session = interpreter.createSession({"backend": "CPU", "numThread": job["threads"], "precision": "high"})
    entry = interpreter.getSessionInput(session)
    shape = (1, 3, job["imgsz"], job["imgsz"])
    interpreter.resizeTensor(entry, shape)
    interpreter.resizeSession(session)
    entry.copyFrom(MNN.Tensor(shape, MNN.Halide_Type_Float, job["picture"], MNN.Tensor_DimensionType_Caffe))

    def outputs():
        arrays = []
        for tensor in interpreter.getSessionOutputAll(session).values():
            host = MNN.Tensor(
                tensor.getShape(),
                MNN.Halide_Type_Float,
                numpy.zeros(tensor.getShape(), numpy.float32),
                MNN.Tensor_DimensionType_Caffe,
            )
            tensor.copyToHostTensor(host)
            arrays.append(numpy.array(host.getNumpyData()))
        return arrays

    return lambda: interpreter.runSession(session), outputs
