"""Runs scenarios of one SDK, one after the other, so that it is imported once.

Argument: the module of the SDK. A line of JSON in (scenario, context), a line of JSON out (result, or failed).
"""
import importlib
import json
import sys
import traceback

sdk = importlib.import_module(sys.argv[1])
for line in sys.stdin:
    asked = json.loads(line)
    try:
        told = {"result": sdk.SCENARIOS[asked["scenario"]](asked["context"])}
    except Exception:
        told = {"failed": traceback.format_exc()}
    print(json.dumps(told), flush=True)
