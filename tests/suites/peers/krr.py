"""KRR's formulas (robusta_krr/strategies/simple.py and simple_limit.py, 1.8) evaluated with numpy.

Reads, from the file that is its argument, {name: {"cpu": [cores], "memory": [bytes], "killed": [bytes]}}; writes, by
name, what each strategy gives in cores and bytes, null where KRR answers "?". One pod each.
"""

import json
import sys

import numpy as np

POINTS_REQUIRED = 100


def memory(usage, killed):
    proposed = np.max(usage) * (1 + 15 / 100)
    if killed:
        proposed = max(np.max(killed) * (1 + 25 / 100), proposed)
    return float(proposed)


def give(of):
    cpu, used = np.array(of["cpu"]), np.array(of["memory"])
    enough = len(cpu) >= POINTS_REQUIRED
    cores = (lambda q: float(np.percentile(cpu, q))) if enough else (lambda q: None)
    given = memory(used, of["killed"]) if len(used) >= POINTS_REQUIRED else None
    return {
        "simple": {"cpuRequest": cores(95), "cpuLimit": None, "memoryRequest": given, "memoryLimit": given},
        "simple_limit": {
            "cpuRequest": cores(66),
            "cpuLimit": cores(96),
            "memoryRequest": given,
            "memoryLimit": given,
        },
    }


with open(sys.argv[1], encoding="utf-8") as usage:
    json.dump({name: give(of) for name, of in json.load(usage).items()}, sys.stdout)
