#!/usr/bin/python3
"""Prints `module.Class.test LABELS` for every test of the files given, for CTest.

Reads them and imports none of them, since what they import may not be there yet.
"""
import ast
import pathlib
import sys


def tests_of(path):
    classes = {}
    for node in ast.parse(path.read_text(), str(path)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        labels, names = "net", []
        for base in node.bases:  # of the same file: their tests are inherited
            names += classes.get(getattr(base, "id", None), ("", []))[1]
        for item in node.body:
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name.startswith("test_"):
                names.append(item.name)
            elif isinstance(item, ast.Assign) and item.targets[0].id == "LABELS":
                labels = ast.literal_eval(item.value)
        classes[node.name] = (labels, names)
    for name, (labels, names) in classes.items():
        for test in names:
            print(f"{path.stem}.{name}.{test} {labels}")


for file in sys.argv[1:]:
    tests_of(pathlib.Path(file))
