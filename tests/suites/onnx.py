"""Checks an ONNX file and runs it: python onnx.py FILE INPUT prints the quantiles as a list of numbers."""

import json
import sys

# This file has the name of the package that it needs: its own folder must not be searched.
sys.path.pop(0)

import numpy
import onnx
import onnxruntime

file, told = sys.argv[1], json.load(open(sys.argv[2]))
onnx.checker.check_model(onnx.load(file), full_check=True)


def read(name):
    return numpy.array(told[name], dtype=numpy.float32).reshape(told[name + "Shape"])


session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
(quantiles,) = session.run(["quantiles"], {"windows": read("windows"), "statics": read("statics")})
print(json.dumps([float(value) for value in quantiles.ravel()]))
