"""A bundle with a busybox root, and programs run in it by the rootfs driver: for Python tests."""
import ctypes
import json
import os
import shutil
import subprocess

BUILD = os.path.abspath(os.environ.get('BUILD', 'build'))
DRIVER = os.path.join(BUILD, 'tests/rootfs/rootfs-driver')
OCI = os.path.join(BUILD, 'gabion-oci')
THROUGH_OCI = os.environ.get('THROUGH') == 'gabion-oci'  # else only its rootfs room, by the driver
BUSYBOX = next((p for p in ('/bin/busybox', '/usr/bin/busybox') if os.path.exists(p)), None)
APPLETS = 'sh cat ls mount umount stat id true mkdir readlink touch echo rm tty wc grep dd test ln'


def own_mounts():
    """Move into a mount namespace, so that whatever a test mounts goes with it. False: cannot."""
    if os.geteuid() != 0 or not BUSYBOX:
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(0x20000) != 0:
        return False
    subprocess.run(['mount', '--make-rprivate', '/'], check=True)
    return True


class Bundle:
    """A bundle in a directory of its own, with a busybox root and a short config."""

    def __init__(self, base, name):
        self.path = os.path.join(base, name)
        self.root = os.path.join(self.path, 'rootfs')
        os.makedirs(os.path.join(self.root, 'bin'))
        shutil.copy(BUSYBOX, os.path.join(self.root, 'bin/busybox'))
        for applet in APPLETS.split():
            os.symlink('busybox', os.path.join(self.root, 'bin', applet))
        self.config = {
            'ociVersion': '1.3.0',
            'root': {'path': 'rootfs'},
            'process': {'cwd': '/', 'args': ['/bin/sh'], 'user': {'uid': 0, 'gid': 0}},
            'mounts': [
                {'destination': '/proc', 'type': 'proc', 'source': 'proc'},
                {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs',
                 'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},
                {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts',
                 'options': ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']},
            ],
            'linux': {'namespaces': [{'type': t} for t in ('mount', 'pid', 'ipc', 'uts', 'network')]},
        }
        self.flags = []

    def mount(self, destination, fstype=None, source=None, *options, **more):
        entry = {'destination': destination, **more}
        if fstype:
            entry['type'] = fstype
        if source:
            entry['source'] = source
        if options:
            entry['options'] = list(options)
        self.config['mounts'].append(entry)

    def drop(self, destination):
        self.config['mounts'] = [m for m in self.config['mounts']
                                 if m['destination'] != destination]

    def host(self, path, content=None):
        """A path beside the root, made as a directory or as a file with content."""
        full = os.path.join(self.path, path)
        if content is None:
            os.makedirs(full, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w') as f:
                f.write(content)
        return full

    def write(self):
        with open(os.path.join(self.path, 'config.json'), 'w') as f:
            json.dump(self.config, f)

    def run(self, script, *flags):
        if THROUGH_OCI and not flags and not self.flags:
            return self.run_oci(script)
        self.write()
        return subprocess.run([DRIVER, *self.flags, *flags, self.path, '/bin/sh', '-c', script],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=30)

    def run_oci(self, script):
        """The same by the whole runtime."""
        name = f'bundle-{os.getpid()}'
        self.config['process'].update({'args': ['/bin/sh', '-c', script], 'env': ['PATH=/bin']})
        self.config['linux']['cgroupsPath'] = f'/{name}'
        self.write()
        return subprocess.run([OCI, '--root', os.path.join(self.path, 'state'), 'run', '-b', self.path,
                               name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=30)

    def run_raw(self, script, *flags):
        """Standard output of a run that may take a while and fail as it likes."""
        self.write()
        return subprocess.run([DRIVER, *self.flags, *flags, self.path, '/bin/sh', '-c', script],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              stdin=subprocess.DEVNULL, timeout=60).stdout

    def out(self, script, *flags):
        done = self.run(script, *flags)
        assert done.returncode == 0, f'exit {done.returncode}: {done.stderr.strip()} {done.stdout}'
        return done.stdout.strip()

    def fails(self, script='true', *flags):
        done = self.run(script, *flags)
        assert done.returncode != 0, f'it worked: {done.stdout}'
        return done.stderr
