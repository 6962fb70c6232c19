"""Which cells there are, who is in each, and why somebody is not."""

import dataclasses
import itertools
import json
import os
import sys

import call
import environments
import models
import peers


@dataclasses.dataclass
class Contender:
    """Who runs one model of a cell: quench (a file), or a peer (the Python of its environment and a job)."""

    name: str
    file: str = ""
    python: str = ""
    job: dict = dataclasses.field(default_factory=dict)
    environment: dict = dataclasses.field(default_factory=dict)


def _made_by(peer, reduce_range):
    """What a model file of the peer depends on besides its source."""
    return {"requirements": environments.requirements(peer.name), "reduce_range": reduce_range}


def _read(stamp):
    """The JSON object of a file; an empty one where there is none, or a kill cut it off."""
    try:
        with open(stamp, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def _prepared(python, peer, model, bits, flags):
    """(the answer of worker.py to `prepare`, None), or (None, why there is no such model). Done once."""
    reduce_range = "avx2" in flags and not {"avx_vnni", "avx512_vnni"} & set(flags)
    job = {**model.job(peer.name, bits), "do": "prepare", "threads": 1, "reduce_range": reduce_range}
    stamp, by = job["file"] + ".made", _made_by(peer, reduce_range)
    made = _read(stamp)
    if made.get("by") == by:
        return made["answer"], None
    print(f"bench-peers: {peer.title}: {os.path.basename(job['file'])} of {model.name}", file=sys.stderr, flush=True)
    try:
        answer = call.worker(python, job, {})
    except call.Refused as error:
        return None, str(error)
    with open(stamp, "w", encoding="utf-8") as file:
        json.dump({"by": by, "answer": answer}, file)
    return answer, None


class Ready:
    """What the peers have made of the models: `versions` by peer, and why there is no file by model, bits and peer."""

    def __init__(self):
        self.versions, self.missing = {}, {}

    def prepare(self, settings, pythons, model, flags):
        reference = None  # outputs of the first peer in float32
        for bits in sorted(settings.bits, reverse=True):
            for peer in settings.peers:
                python, reason = pythons[peer.name]
                answer = None
                if python is not None:
                    answer, reason = _prepared(python, peer, model, bits, flags)
                if answer is not None:
                    self.versions[peer.name] = answer["runtime_version"]
                    if bits == 32:
                        reference = reference or answer["outputs"]
                    if reference is not None:
                        reason = models.why_another_network(answer["outputs"], reference, bits)
                if reason is not None:
                    self.missing[model.name, bits, peer.name] = reason


def _cell(settings, pythons, ready, model, cell, flags):
    """(contenders, holes) of one cell."""
    bits, contenders, holes = cell["bits_w"], [Contender(peers.OURS, file=model.file(peers.OURS, cell["bits_w"]))], []
    for peer in settings.peers:
        missing = ready.missing.get((model.name, bits, peer.name))
        environment, uncapped = peers.cap(peer, cell["isa"], flags)
        if missing or uncapped:
            status = "skipped" if missing else "unsupported"
            holes.append(
                {"kind": "hole", **cell, "runtime": peer.name, "status": status, "reason": missing or uncapped}
            )
            continue
        job = {**model.job(peer.name, bits), "threads": cell["threads"]}
        contenders.append(Contender(peer.name, python=pythons[peer.name][0], job=job, environment=environment))
    return contenders, holes


def make(settings, pythons, networks, isas, flags):
    """([(cell, contenders)], holes, versions): `pythons` has, for each peer, what environments.make gave."""
    ready, plan, holes = Ready(), [], []
    for model in networks:
        ready.prepare(settings, pythons, model, flags)
    for bits, isa, model, threads in itertools.product(settings.bits, isas, networks, settings.threads):
        cell = {"model": model.name, "imgsz": model.imgsz, "bits_w": bits, "isa": isa, "threads": threads}
        contenders, without = _cell(settings, pythons, ready, model, cell, flags)
        plan.append((cell, contenders))
        holes += without
    return plan, holes, ready.versions
