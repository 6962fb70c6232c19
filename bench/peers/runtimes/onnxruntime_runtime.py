"""ONNX Runtime's provider of the processor; INT8 by its own static quantization (QDQ)."""

import os

import onnxruntime


def version():
    return onnxruntime.__version__


def _with_one_image(source, target):
    import onnx

    model = onnx.load(source)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, target)


def prepare(job):
    if job["bits"] == 32:
        _with_one_image(job["source"], job["file"])
        return
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Scenes(CalibrationDataReader):
        """The scenes one by one."""

        def __init__(self):
            self.left = iter(job["scenes"])

        def get_next(self):
            scene = next(self.left, None)
            return None if scene is None else {"images": scene[None]}

    fixed, ready = job["file"] + ".fixed", job["file"] + ".ready"
    _with_one_image(job["source"], fixed)
    quant_pre_process(fixed, ready, skip_symbolic_shape=True)
    # Unsigned bytes by signed ones, as its x86 kernels want them; weights of 7 bits where there is no VNNI, for else
    # pairs of products overflow.
    quantize_static(
        ready,
        job["file"],
        Scenes(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=job["reduce_range"],
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    os.remove(fixed)
    os.remove(ready)


def open_model(job):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(job["file"], options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, job["picture"])
    values = []
    for output in session.get_outputs():
        values.append(onnxruntime.OrtValue.ortvalue_from_shape_and_type(output.shape, job["picture"].dtype, "cpu"))
        binding.bind_ortvalue_output(output.name, values[-1])
    return lambda: session.run_with_iobinding(binding), lambda: [value.numpy() for value in values]
