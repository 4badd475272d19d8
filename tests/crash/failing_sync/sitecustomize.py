"""On the PYTHONPATH of an exchange under test: SIGUSR1 makes every later sync of the process fail with EIO.

Python imports a module of this name at startup. A kernel filter (Linux, seccomp) fails ``fsync`` and ``fdatasync``; it
cannot be removed.
"""

import ctypes
import errno
import platform
import signal
import struct

SET_NO_NEW_PRIVS, SET_SECCOMP, MODE_FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
SYNCS = {"x86_64": (74, 75), "aarch64": (82, 83)}  # numbers of fsync and fdatasync


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def fail_syncs(*_: object) -> None:
    """From now on, in this thread and those it starts."""
    first, second = SYNCS[platform.machine()]
    steps = (
        (LOAD_WORD, 0, 0, 0),  # the system call's number
        (JUMP_IF_EQUAL, 1, 0, first),
        (JUMP_IF_EQUAL, 0, 1, second),
        (RETURN, 0, 0, RET_ERRNO | errno.EIO),
        (RETURN, 0, 0, RET_ALLOW),
    )
    program = Program(len(steps), b"".join(struct.pack("=HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


signal.signal(signal.SIGUSR1, fail_syncs)
