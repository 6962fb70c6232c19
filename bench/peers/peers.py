"""The peers: who they are, which instructions they use, and how they are kept from instructions that a column lacks."""

import dataclasses

# The instruction sets of quench (`quench bench --isa`): what /proc/cpuinfo must name for each, and what it names of
# processors that can do more. A peer that uses more has to be capped, or its time does not belong into the column.
NEEDED = {
    "avx2": {"avx2", "fma"},
    "avx-vnni": {"avx2", "fma", "avx_vnni"},
    "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
    "avx512-vnni": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"},
    "neon": {"asimd"},
    "neon-dot": {"asimddp"},
}
BEYOND = {
    "avx2": {"avx_vnni", "avx512f", "avx512_vnni", "amx_int8"},
    "avx-vnni": {"avx512f", "avx512_vnni", "amx_int8"},
    "avx512": {"avx_vnni", "avx512_vnni", "amx_int8"},
    "avx512-vnni": {"amx_int8"},
    "neon": {"asimddp", "i8mm", "sve"},
    "neon-dot": {"i8mm", "sve"},
}
ALL = "auto"  # the column in which nobody is capped


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str  # also that of its requirements file and of its module in runtimes/
    title: str
    int8: str  # the tool that makes its INT8 model
    uses: frozenset  # of the flags in BEYOND: those that its wheel has kernels for
    caps: dict = dataclasses.field(default_factory=dict)  # ISA -> environment variables that keep it there


# `uses` was read from the pinned wheels (`objdump -d FILE.so | grep -c -e zmm -e vpdpbusd`): look again after new pins.
_ARM = {"asimddp", "i8mm", "sve"}
PEERS = [
    Peer(
        "openvino",
        "OpenVINO",
        "NNCF",
        frozenset({"avx_vnni", "avx512f", "avx512_vnni", "amx_int8"} | _ARM),
        {
            "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
            "avx-vnni": {"ONEDNN_MAX_CPU_ISA": "AVX2_VNNI"},
            "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
            "avx512-vnni": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
        },
    ),
    Peer(
        "onnxruntime",
        "ONNX Runtime",
        "its quantize_static, QDQ",
        frozenset({"avx_vnni", "avx512f", "avx512_vnni", "amx_int8"} | _ARM),
    ),
    Peer("mnn", "MNN", "its mnnquant", frozenset(_ARM)),  # 3.6.1 for x86 has no register of 512 bits and no VNNI
    Peer(
        "ncnn",
        "NCNN",
        "quench quantize --target tensorrt (the wheel has no tool)",
        frozenset({"avx_vnni", "avx512f", "avx512_vnni"} | _ARM),
    ),
]
BY_NAME = {peer.name: peer for peer in PEERS}
OURS = "quench"


def cap(peer, isa, flags):
    """(environment variables, None), or (None, why the peer cannot be in the column `isa` where there are `flags`)."""
    more = sorted(BEYOND.get(isa, set()) & set(flags) & peer.uses)
    if not more:
        return {}, None
    if isa in peer.caps:
        return dict(peer.caps[isa]), None
    return (
        None,
        f"cannot be capped: it uses {', '.join(more)} of this processor, and its wheel has no switch against it",
    )
