"""Images for tests, good and hostile, made byte by byte so that no tar program tidies them up."""
import gzip
import hashlib
import io
import json
import os
import tarfile

OCI = "application/vnd.oci.image."
NAME = "org.opencontainers.image.ref.name"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Layer:
    """A layer's tar, entry after entry."""

    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, data=None, type=tarfile.REGTYPE, mode=0o644, link="", device=(0, 0),
            owner=(0, 0), pax=None, size=None):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname = type, mode, link
        info.devmajor, info.devminor = device
        info.uid, info.gid = owner
        info.mtime = 1000000000
        info.pax_headers = pax or {}
        if data is not None:
            info.size = len(data) if size is None else size
        self.tar.addfile(info, io.BytesIO(data) if data is not None else None)
        return self

    def file(self, name, data=b"x", **how):
        return self.add(name, data, **how)

    def dir(self, name, mode=0o755, **how):
        return self.add(name, type=tarfile.DIRTYPE, mode=mode, **how)

    def symlink(self, name, target):
        return self.add(name, type=tarfile.SYMTYPE, link=target)

    def hardlink(self, name, target):
        return self.add(name, type=tarfile.LNKTYPE, link=target)

    def node(self, name, kind, device=(0, 0)):
        return self.add(name, type=kind, device=device)

    def raw(self, data):
        """Bytes as they are, between entries."""
        self.out.write(data)
        self.tar.offset = self.out.tell()
        return self

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


class Image:
    """An OCI image; what is wrong with it is changed between making and writing."""

    def __init__(self, *layers, config=None, name="test:1", compress=None, media="+gzip",
                 architecture=None):
        architecture = architecture or {"x86_64": "amd64", "aarch64": "arm64"}.get(
            os.uname().machine, os.uname().machine)
        self.blobs = {}
        self.name = name
        compress = compress or (lambda tar: gzip.compress(tar, 1, mtime=0))
        self.tars = [layer.bytes() if isinstance(layer, Layer) else layer for layer in layers]
        self.config = {"os": "linux", "architecture": architecture, "config": config or {},
                       "rootfs": {"type": "layers",
                                  "diff_ids": ["sha256:" + sha256(tar) for tar in self.tars]}}
        self.layers = [self.blob(compress(tar), OCI + "layer.v1.tar" + media)
                       for tar in self.tars]
        self.finish()

    def blob(self, data, media):
        self.blobs[sha256(data)] = data
        return {"mediaType": media, "digest": "sha256:" + sha256(data), "size": len(data)}

    def finish(self):
        """Write configuration, manifest and index anew, after a change."""
        self.manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                         "config": self.blob(json.dumps(self.config).encode(),
                                             OCI + "config.v1+json"),
                         "layers": self.layers}
        self.seal()

    def seal(self):
        self.descriptor = self.blob(json.dumps(self.manifest).encode(), OCI + "manifest.v1+json")
        self.descriptor["annotations"] = {NAME: self.name}
        self.index = {"schemaVersion": 2, "manifests": [self.descriptor]}

    def members(self):
        yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'
        yield "index.json", json.dumps(self.index).encode()
        for digest, data in self.blobs.items():
            yield "blobs/sha256/" + digest, data

    def archive(self, path, mode="w"):
        with tarfile.open(path, mode) as tar:
            for name, data in self.members():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    def layout(self, path):
        for name, data in self.members():
            where = os.path.join(path, name)
            os.makedirs(os.path.dirname(where), exist_ok=True)
            with open(where, "wb") as file:
                file.write(data)
        return path

    def docker(self, path, layer_link=False):
        """As `docker save` of old: directories, and a link for a layer that is there twice."""
        config = json.dumps(self.config).encode()
        with tarfile.open(path, "w") as tar:
            def put(name, data):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            names = []
            for i, layer in enumerate(self.tars):
                names.append("%064x/layer.tar" % i)
                if layer_link and i:
                    info = tarfile.TarInfo(names[-1])
                    info.type, info.linkname = tarfile.SYMTYPE, "../%064x/layer.tar" % 0
                    tar.addfile(info)
                else:
                    put(names[-1], layer)
            put(sha256(config) + ".json", config)
            put("manifest.json", json.dumps([{"Config": sha256(config) + ".json",
                                              "RepoTags": [self.name], "Layers": names}]).encode())
        return path


def pax_sparse(name, logical, data):
    """GNU sparse 1.0: a file of @logical bytes of which only the first are there."""
    body = ("1\n0\n%d\n" % len(data)).encode()
    body += b"\0" * (-len(body) % 512) + data
    layer = Layer()
    layer.add("GNUSparseFile.0/" + name, body,
              pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name,
                   "GNU.sparse.realsize": str(logical)})
    return layer
