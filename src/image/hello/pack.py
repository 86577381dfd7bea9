#!/usr/bin/env python3
"""Pack the hello-world program as an OCI archive: the same program gives the same bytes.

usage: pack.py PROGRAM ARCHITECTURE ARCHIVE
"""
import gzip
import hashlib
import io
import json
import sys
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "x86": "386", "loongarch64": "loong64"}
NAME = "docker.io/library/hello-world:latest"


def member(tar, name, data=None, mode=0o644):
    info = tarfile.TarInfo(name)
    info.mode = mode
    if data is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    else:
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


def layer(program):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        # Mount points, so that a read-only root needs nothing more.
        for name in ("dev", "etc", "proc", "sys", "tmp"):
            member(tar, name, mode=0o1777 if name == "tmp" else 0o755)
        member(tar, "etc/passwd", b"root:x:0:0:root:/:/hello\n")
        member(tar, "etc/group", b"root:x:0:\n")
        member(tar, "hello", program, 0o755)
    return out.getvalue()


def main():
    program, architecture, archive = sys.argv[1:]
    # meson calls 64-bit Arm what Linux calls it; OCI has Go's names.
    architecture = ARCHITECTURES.get(architecture, architecture).replace("aarch64", "arm64")
    blobs = {}

    def blob(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    with open(program, "rb") as file:
        tar = layer(file.read())
    base = "application/vnd.oci.image."
    layers = [blob(gzip.compress(tar, 9, mtime=0), base + "layer.v1.tar+gzip")]
    config = blob(json.dumps({
        "created": "1970-01-01T00:00:00Z",
        "os": "linux",
        "architecture": architecture,
        "config": {"Cmd": ["/hello"], "Env": ["PATH=/"], "WorkingDir": "/"},
        "rootfs": {"type": "layers",
                   "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest()]},
        "history": [{"created_by": "gabion"}],
    }).encode(), base + "config.v1+json")
    manifest = blob(json.dumps({
        "schemaVersion": 2, "mediaType": base + "manifest.v1+json",
        "config": config, "layers": layers,
    }).encode(), base + "manifest.v1+json")
    manifest["annotations"] = {"io.containerd.image.name": NAME,
                               "org.opencontainers.image.ref.name": NAME}
    index = json.dumps({"schemaVersion": 2, "mediaType": base + "index.v1+json",
                        "manifests": [manifest]}).encode()

    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        member(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        member(tar, "index.json", index)
        for digest, data in sorted(blobs.items()):
            member(tar, "blobs/sha256/" + digest, data)


main()
