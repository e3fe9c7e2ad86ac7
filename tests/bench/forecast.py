"""Times a network in ONNX Runtime on one thread: python forecast.py FILE OPTIONS prints the best round's seconds."""

import json
import sys
import time

# A file here may have the name of a package that is needed: its own folder must not be searched.
sys.path.pop(0)

import numpy
import onnxruntime

file, told = sys.argv[1], json.loads(sys.argv[2])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def waves(shape, step):
    return (numpy.sin(numpy.arange(numpy.prod(shape)) * step) * 2).astype(numpy.float32).reshape(shape)


given = {"windows": waves(told["windowsShape"], 0.37), "statics": waves(told["staticsShape"], 0.11)}
best = float("inf")
for _ in range(told["rounds"]):
    begun = time.perf_counter()
    for _ in range(told["batches"]):
        session.run(["quantiles"], given)
    best = min(best, time.perf_counter() - begun)
print(json.dumps(best))
