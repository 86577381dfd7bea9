#!/usr/bin/env python3
"""Drives gabion run -it, detach, attach and exec -it through a pseudo terminal."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

gabion, work = sys.argv[1:3]
base = [gabion, "--data", work + "/data", "--root", work + "/run"]


def session(words, steps, size=(31, 101)):
    """Start, then for each (expected, answer) wait for the one and type the other."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(gabion, base + words)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    seen = b""
    end = time.time() + 15
    steps = list(steps)
    while time.time() < end:
        if steps and steps[0][0] in seen:
            os.write(fd, steps.pop(0)[1])
            seen_before, seen = seen, b""
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    else:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, seen, steps


def check(what, good, *more):
    if not good:
        print("failed:", what, *more)
        sys.exit(1)


quiet = ["run", "-q", "--network", "none"]
root = work + "/root"
got = session(quiet + ["--rm", "-it", root, "sh"], [
    (b"# ", b"sleep 0.3; stty size; tty\r"), (b"31 101", b"exit 4\r")])
check("run -it", got[0] == 4 and not got[2], got)

got = session(quiet + ["-it", "--name", "term", root, "sh"], [
    (b"# ", b"KEPT=kept\r"), (b"# ", b"\x10\x11")])
check("detach", got[0] == 0 and not got[2], got)

got = session(["exec", "-it", "term", "sh"], [(b"# ", b"tty; exit 6\r")])
check("exec -it", got[0] == 6, got)

got = session(["attach", "term"], [(b"", b"echo is $KEPT\r"), (b"is kept", b"exit 5\r")])
check("attach", got[0] == 5 and not got[2], got)

os.system(" ".join(base) + " rm -f term >/dev/null")
