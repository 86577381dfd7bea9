"""A container under a seccomp profile, and a program in it that tries system calls: for the live test
and for the escape tests. Works through any OCI runtime: RUNTIME, by default the one that was built."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get('BUILD', 'build'))
RUNTIME = os.environ.get('RUNTIME', os.path.join(BUILD, 'gabion-oci'))
PROBE = os.path.join(BUILD, 'tests/seccomp/seccomp_probe')
EXPECT = os.path.join(BUILD, 'tests/seccomp/seccomp_expect')
DOCKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../profiles/docker.json')
CAPS = ['CAP_' + c for c in (
    'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE '
    'SYS_CHROOT KILL AUDIT_WRITE').split()]
X86 = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']


def rule(action, *names, args=None, errno=None):
    """One entry of linux.seccomp.syscalls; args are (index, op, value[, valueTwo])."""
    entry = {'names': list(names), 'action': 'SCMP_ACT_' + action}
    if errno is not None:
        entry['errnoRet'] = errno
    if args:
        entry['args'] = [{'index': a[0], 'op': 'SCMP_CMP_' + a[1], 'value': a[2],
                          'valueTwo': a[3] if len(a) > 3 else 0} for a in args]
    return entry


def docker(default_errno=1, caps=CAPS):
    """Docker's default in OCI's form, as for these capabilities on x86_64."""
    with open(DOCKER) as f:
        profile = json.load(f)
    rules = []
    for entry in profile['syscalls']:
        needs, refuses = entry.get('includes', {}), entry.get('excludes', {})
        if 'amd64' not in needs.get('arches', ['amd64']) or set(needs.get('caps', [])) - set(caps):
            continue
        if 'amd64' in refuses.get('arches', []) or set(refuses.get('caps', [])) & set(caps):
            continue
        rules.append({k: entry[k] for k in ('names', 'action', 'args', 'errnoRet') if k in entry})
    return {'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': default_errno,
            'architectures': X86, 'syscalls': rules}


class Container:
    """Runs the probe, again and again, each time in a container of its own."""

    def __init__(self, profile, no_new_privs=True, caps=CAPS):
        self.base = tempfile.mkdtemp(prefix='gabion-seccomp.')
        root = os.path.join(self.base, 'rootfs')
        os.makedirs(os.path.join(root, 'proc'))
        shutil.copy(PROBE, os.path.join(root, 'probe'))
        self.count = 0
        self.config = {
            'ociVersion': '1.2.0',
            'root': {'path': 'rootfs'},
            'process': {'cwd': '/', 'args': [], 'user': {'uid': 0, 'gid': 0},
                        'noNewPrivileges': no_new_privs,
                        'capabilities': {s: caps for s in ('bounding', 'effective', 'permitted')}},
            'mounts': [{'destination': '/proc', 'type': 'proc', 'source': 'proc'}],
            'linux': {'namespaces': [{'type': t} for t in ('mount', 'pid', 'ipc', 'uts', 'network')]},
        }
        if profile:
            self.config['linux']['seccomp'] = profile

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.base, ignore_errors=True)

    def run(self, *words):
        self.count += 1
        name = f'{os.path.basename(self.base)}-{self.count}'
        self.config['process']['args'] = ['/probe', *map(str, words)]
        with open(os.path.join(self.base, 'config.json'), 'w') as f:
            json.dump(self.config, f)
        try:
            return subprocess.run([RUNTIME, 'run', '--bundle', self.base, name], text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=170)
        finally:
            subprocess.run([RUNTIME, 'delete', '--force', name], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

    def call(self, abi, number, *args):
        """Result of one call: an int, or words such as 'signal 31'."""
        done = self.run(abi, number, *args)
        words = done.stdout.split(None, 2)
        if len(words) < 3:
            raise RuntimeError(f'no answer: {done.stderr.strip()} {done.stdout}')
        answer = words[2].strip()
        return int(answer) if answer.lstrip('-').isdigit() else answer


def can_run():
    """Why it cannot, or None."""
    if os.geteuid() != 0:
        return 'needs root'
    if os.uname().machine != 'x86_64':
        return 'speaks x86 only'
    if not os.path.exists(PROBE):
        return f'no {PROBE}'
    return None if shutil.which(RUNTIME) else f'no runtime {RUNTIME}'


def has_i386():
    """Does int 0x80 work here? getpid() tells."""
    out = subprocess.run([PROBE, 'i386', '20'], stdout=subprocess.PIPE, text=True).stdout
    return 'signal' not in out


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def skip(text):
    print(text, file=sys.stderr)
    sys.exit(77)
