"""gabion-oci (or $RUNTIME) seen from outside: a bundle, a state root of its own, and its verbs."""
import copy
import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid

from bundle import BUILD, Bundle

RUNTIME = os.path.abspath(os.environ.get('RUNTIME') or os.path.join(BUILD, 'gabion-oci'))
CAPS = ['CAP_' + c for c in ('CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP '
                             'NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE').split()]
SETS = ('bounding', 'effective', 'permitted')


class Oci(Bundle):
    """Use as a context: with Oci('E02') as c. All that was made is gone afterwards."""

    def __init__(self, name):
        self.base = tempfile.mkdtemp(prefix='gabion-oci.')
        os.chmod(self.base, 0o755)
        super().__init__(self.base, name)
        self.state = os.path.join(self.base, 'state')
        self.id = f'{name}-{uuid.uuid4().hex[:8]}'
        self.config['process'].update(
            env=['PATH=/bin'], capabilities={s: CAPS[:] for s in SETS})
        self.config['linux']['cgroupsPath'] = f'/gabion-test/{self.id}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.oci('delete', '--force', self.id)
        shutil.rmtree(self.base, ignore_errors=True)

    def oci(self, *words, timeout=30, capture=True, **more):
        """One verb. capture=False for create: a container keeps its output open, so there must be
        none to wait for."""
        more.setdefault('stdin', subprocess.DEVNULL)
        sink = subprocess.PIPE if capture else subprocess.DEVNULL
        return subprocess.run([RUNTIME, '--root', self.state, *words], stdout=sink, stderr=sink,
                              text=True, errors='replace', timeout=timeout, **more)

    def args(self, *words):
        self.config['process']['args'] = list(words)

    def sh(self, script, *flags, **more):
        """Run a shell script as the container's init, to its end."""
        self.args('/bin/sh', '-c', script)
        self.write()
        return self.oci('run', '-b', self.path, *flags, self.id, **more)

    def start(self, *words):
        """create and start, by default something that stays."""
        self.args(*(words or ('/bin/busybox', 'sleep', '600')))
        self.write()
        for step in (('create', '-b', self.path, self.id), ('start', self.id)):
            done = self.oci(*step, capture=False)
            if done.returncode:
                raise AssertionError(f'{step[0]} failed with {done.returncode}')
        return self.pid()

    def exec(self, script, *flags, **more):
        return self.oci('exec', *flags, self.id, '/bin/sh', '-c', script, **more)

    def get_state(self):
        done = self.oci('state', self.id)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def pid(self):
        state = self.get_state()
        return state['pid'] if state else 0

    def wait_stopped(self, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.get_state()
            if not state or state['status'] == 'stopped':
                return True
            time.sleep(0.02)
        return False

    def saved(self):
        return copy.deepcopy(self.config)
