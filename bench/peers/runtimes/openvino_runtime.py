"""OpenVINO on the processor; INT8 by NNCF."""

import openvino

CORE = openvino.Core()


def version():
    try:
        import nncf  # of the environment that prepares; slow to load, so not above

        return f"{openvino.__version__.split('-')[0]}, NNCF {nncf.__version__}"
    except ImportError:
        return openvino.__version__.split("-")[0]


def _read(job, path):
    model = CORE.read_model(path)
    model.reshape({0: [1, 3, job["imgsz"], job["imgsz"]]})
    return model


def prepare(job):
    model = _read(job, job["source"])
    if job["bits"] == 8:
        import nncf

        scenes = job["scenes"]
        model = nncf.quantize(
            model,
            nncf.Dataset([scene[None] for scene in scenes]),
            subset_size=len(scenes),
            preset=nncf.QuantizationPreset.MIXED,
        )
    openvino.save_model(model, job["file"], compress_to_fp16=False)


def open_model(job):
    # Without the hint OpenVINO computes in bfloat16 where the processor can, which is not FP32; and with
    # ONEDNN_MAX_CPU_ISA=AVX2 it then finds no kernel for the pooling ("Supported primitive descriptors list is empty").
    compiled = CORE.compile_model(
        _read(job, job["file"]),
        "CPU",
        {
            "INFERENCE_NUM_THREADS": job["threads"],
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(job["picture"], shared_memory=True))

    def run():
        request.infer(share_outputs=True)  # else each run would copy the outputs

    return run, lambda: [request.get_output_tensor(i).data for i in range(len(compiled.outputs))]
