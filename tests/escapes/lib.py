"""What the escape tests share. A test is a program ENN-name here that ends with 0 when the runtime
holds, 1 when it does not, 77 when it cannot tell. A line "# guard: NAME" in it says which guard
(src/sys/guard.h) makes it fail when it is left out of the build. With "# through: gabion-oci" it is
run twice: on the rootfs room alone, by its driver, and on the whole runtime."""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
from bundle import BUILD, BUSYBOX, DRIVER, OCI, Bundle, own_mounts  # noqa: E402,F401

ROUNDS = 10000  # or 20 seconds of them
SWAP = os.path.join(BUILD, 'tests/escapes/swap')



def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def skip(text):
    print(text, file=sys.stderr)
    sys.exit(77)


@contextlib.contextmanager
def bundle(name):
    """A bundle beside a directory "outside" that nobody may change."""
    if not own_mounts():
        skip('needs root, busybox and a mount namespace')
    base = tempfile.mkdtemp(prefix='gabion-escape.')
    try:
        os.chmod(base, 0o755)
        b = Bundle(base, name)
        # no network namespace: making one is most of a round's time
        b.config['linux']['namespaces'] = [{'type': t} for t in ('mount', 'pid')]
        b.outside = os.path.join(base, 'outside')
        os.mkdir(b.outside)
        with open(os.path.join(b.outside, 'marker'), 'w') as f:
            f.write('host')
        yield b
    finally:
        shutil.rmtree(base, ignore_errors=True)


def outside_is_clean(b, *also):
    """Nothing was made or removed outside of the root."""
    there = sorted(os.listdir(b.outside))
    if there != sorted(('marker', *also)):
        fail(f'outside of the root there is now: {there}')
    with open(os.path.join(b.outside, 'marker')) as f:
        if f.read() != 'host':
            fail('a file outside of the root was written to')


@contextlib.contextmanager
def swapping(a, b):
    """An attacker exchanges two names all the while."""
    attacker = subprocess.Popen([SWAP, a, b])
    try:
        yield
    finally:
        attacker.kill()
        attacker.wait()


def race(b, script='true', *flags):
    """Many rounds against whoever attacks. Returns what they printed; tells of them."""
    out = b.run_raw(script, '-n', str(ROUNDS), *flags)
    rounds = out.rsplit('\n', 2)[-2]
    print(rounds, file=sys.stderr)
    if rounds.startswith('0 rounds'):
        fail('no round was run')
    return out


class Container:
    """A container that gabion-oci makes from a bundle, gone at the end of a with block."""

    def __init__(self, b, *script, **more):
        self.b = b
        self.id = f'escape-{os.getpid()}'
        self.base = [OCI, '--root', os.path.join(b.path, 'state')]
        b.config['process'].update({'args': list(script), 'env': ['PATH=/bin'], **more})
        b.config['linux']['cgroupsPath'] = f'/{self.id}'
        b.write()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call('delete', '--force', self.id)

    def call(self, *words, **more):
        return subprocess.run([*self.base, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors='replace', stdin=subprocess.DEVNULL, timeout=60,
                              **more)

    def run(self, *options, **more):
        return self.call('run', *options, '-b', self.b.path, self.id, **more)

    def create(self):
        """The container stands, its workload does not run yet. Returns its first process."""
        pid_file = os.path.join(self.b.path, 'pid')
        # no pipe of ours into it: we would wait for its end
        done = subprocess.run([*self.base, 'create', '--pid-file', pid_file, '-b', self.b.path, self.id],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, timeout=60)
        if done.returncode != 0:
            fail('gabion-oci create failed')
        return int(open(pid_file).read())

    def start(self):
        done = self.call('start', self.id)
        if done.returncode != 0:
            fail(f'gabion-oci start: {done.stderr}')
