"""One module a peer, named as in peers.py. Each is run in the environment of its peer and has

version()                 text
prepare(job)              makes the file of job["file"]: float32 (bits 32) or INT8 (bits 8), from job["source"]
open_model(job)           (run, outputs): run() is one forward pass; outputs() the arrays of the last one

`job` is a JSON object: peer, source (see models.py), file, bits, threads, imgsz, reduce_range, images (a folder);
picture and scenes are arrays [N,3,H,W] float32 in [0,1] that worker.py adds.
"""
