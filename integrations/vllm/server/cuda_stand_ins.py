"""Lets the torch wheel of the Python index load where there is no NVIDIA library.

usage: python cuda_stand_ins.py SITE_PACKAGES

That wheel is linked to about 2 GB of NVIDIA libraries, of which a machine without a GPU never calls one function but
which must be there to load it. For each that is missing this compiles a small library with the symbols that torch
refers to, every one of them answering "no device". Needs gcc and objdump.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

# Part of every system that can run Python at all.
OF_THE_SYSTEM = re.compile(r"(?:ld-linux|lib(?:c|m|dl|rt|util|pthread|gcc_s|stdc\+\+|gomp|numa)(?:-\w+)?\.so)")
NVIDIA = re.compile(r"(?:cu[a-zA-Z]|nccl|nvrtc|nvtx|nvshmem|nvml|__cuda)")
NO_DEVICE = 100  # cudaErrorNoDevice
MARK = b"entresol_stand_in"

# Those few that torch asks while it loads, or whose answer it prints.
SPOKEN = {
    "cudaGetErrorString": 'const char *cudaGetErrorString(int e) { return "no CUDA here: a stand-in"; }',
    "cudaGetErrorName": 'const char *cudaGetErrorName(int e) { return "cudaErrorNoDevice"; }',
    "cudaGetLastError": "int cudaGetLastError(void) { return 0; }",
    "cudaGetDeviceCount": f"int cudaGetDeviceCount(int *n) {{ if (n) *n = 0; return {NO_DEVICE}; }}",
    "__cudaRegisterFatBinary": "void **__cudaRegisterFatBinary(void *p) { static void *none[8]; return none; }",
}


def objdump(flag: str, library: Path) -> str:
    return subprocess.run(["objdump", flag, str(library)], check=True, capture_output=True, text=True).stdout


def missing_symbols(libraries: list[Path]) -> dict[str, dict[str, set[str]]]:
    """Missing library → version ('' for none) → symbols."""
    present = {library.name for library in libraries}
    needed: set[str] = set()
    of_version: dict[str, str] = {}
    defined: set[str] = set()
    wanted: set[tuple[str, str]] = set()
    for library in libraries:
        asked_of = ""
        for line in objdump("-p", library).splitlines():
            if match := re.match(r"\s+NEEDED\s+(\S+)", line):
                needed.add(match[1])
            elif match := re.match(r"\s+required from (\S+):", line):
                asked_of = match[1]
            elif (match := re.match(r"\s+0x[0-9a-f]+ 0x\w+ \d+ (\S+)$", line)) and asked_of:
                of_version[match[1]] = asked_of
        for line in objdump("-T", library).splitlines():
            name = line.rsplit(None, 1)[-1] if line.strip() else ""
            if "*UND*" not in line:
                defined.add(name)
                continue
            version = re.search(r"\(([^)]+)\) \S+$", line)
            wanted.add((name, version[1] if version else ""))
    absent = {name for name in needed if name not in present and not OF_THE_SYSTEM.match(name)}
    result: dict[str, dict[str, set[str]]] = {name: defaultdict(set) for name in absent}
    # A symbol without a version may lie in any library that is loaded: the first one takes them all.
    any_of_them = min(absent, default="")
    for name, version in wanted:
        if version:
            if of_version.get(version) in absent:
                result[of_version[version]][version].add(name)
        elif any_of_them and name not in defined and NVIDIA.match(name):
            result[any_of_them][""].add(name)
    return result


def compile_stand_in(target: Path, versions: dict[str, set[str]]) -> None:
    names = set().union(*versions.values()) if versions else set()
    lines = [f"static int none(void) {{ return {NO_DEVICE}; }}", f'const char {MARK.decode()}[] = "{MARK.decode()}";']
    lines += [SPOKEN.get(name, f'int {name}(void) __attribute__((alias("none")));') for name in sorted(names)]
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder, "stand_in.c"), Path(folder, "versions")
        source.write_text("\n".join(lines) + "\n")
        command = ["gcc", "-w", "-shared", "-fPIC", "-O1", "-nostdlib", f"-Wl,-soname,{target.name}", "-o", str(target), str(source)]
        versioned = [(version, sorted(members)) for version, members in sorted(versions.items()) if version]
        if versioned:
            script.write_text("\n".join(f"{version} {{ global: {'; '.join(members)}; }};" for version, members in versioned) + "\n")
            command.append(f"-Wl,--version-script={script}")
        subprocess.run(command, check=True)


def is_stand_in(library: Path) -> bool:
    return library.stat().st_size < 1 << 20 and MARK in library.read_bytes()


def main(site_packages: str) -> None:
    folder = Path(site_packages, "torch", "lib")
    libraries = []
    for library in sorted(folder.glob("*.so*")):
        if is_stand_in(library):
            library.unlink()
        else:
            libraries.append(library)
    for name, versions in sorted(missing_symbols(libraries).items()):
        compile_stand_in(folder / name, versions)
        print(f"{name}: {sum(map(len, versions.values()))} symbols")


if __name__ == "__main__":
    main(sys.argv[1])
