"""Turn the poetry.lock given as the first argument into requirements for uv.

Every package of the groups main and runtime is printed with its version, its
markers and the hashes of all its files, so that an installation with
--no-deps --require-hashes is exactly what the lock says. The packages that a
second argument names in a file, one a line, are left out.
"""

import sys
import tomllib

GROUPS = {"main", "runtime"}


def markers(package):
    """The markers under which one of our groups asks for the package."""
    groups = GROUPS.intersection(package.get("groups", ["main"]))
    found = package.get("markers")
    if isinstance(found, dict):
        wanted = [found.get(group) for group in sorted(groups)]
        return None if None in wanted else " or ".join(f"({m})" for m in wanted)
    return found


def requirements(lock, without):
    for package in lock["package"]:
        if package["name"] in without:
            continue
        if package.get("optional") or not GROUPS.intersection(package.get("groups", ["main"])):
            continue
        if "source" in package and package["source"]["type"] not in ("legacy",):
            raise SystemExit(f"{package['name']}: source {package['source']} has no hashes")
        line = f"{package['name']}=={package['version']}"
        if marker := markers(package):
            line += f" ; {marker}"
        hashes = [f"    --hash={file['hash']}" for file in package["files"]]
        yield " \\\n".join([line, *hashes])


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        lock = tomllib.load(file)
    without = set()
    if len(sys.argv) > 2:
        with open(sys.argv[2]) as file:
            without = set(file.read().split())
    print("\n".join(requirements(lock, without)))
