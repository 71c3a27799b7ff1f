"""Python that is run in a locked cell in place of its script, as if the engine had been taken over."""

PARENT = "int(open('/proc/self/stat').read().split()[3])"

BOOT = """
import sys; sys.path += sys.argv[2:]
import _thread, ctypes, json, mmap, os, resource, signal, socket, subprocess, threading, time
from workflows.sandbox.inside import cell, serve
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getpid()
def inject(request):
    if "attack" not in request["names"]:
        return evaluate(request)
    names = dict(globals())
    exec(request["code"], names)
    return {"value": json.dumps({"reached": repr(names.get("reached", True))}), "error": None, "logs": []}
evaluate = cell.evaluate
cell.live.__kwdefaults__["evaluate"] = inject
serve.main(int(sys.argv[1]))
"""

ATTACKS = {
    "read a file": "reached = open('/etc/passwd').read()",
    "list a folder": "reached = os.listdir('/')",
    "write a file": "reached = open('/tmp/reached', 'w')",
    "look at a file": "reached = os.stat('/etc/passwd')",
    "remove a file": "reached = os.unlink('/tmp/reached')",
    "make a folder": "reached = os.mkdir('/tmp/reached')",
    "its own environment": "reached = open('/proc/self/environ').read()",
    "memory of the template": "reached = os.open(f'/proc/{parent}/mem', os.O_RDWR)",
    "environment of the template": "reached = open(f'/proc/{parent}/environ', 'rb').read()",
    "file without a name": "reached = os.memfd_create('x')",
    "internet socket": "reached = socket.socket(socket.AF_INET)",
    "local socket": "reached = socket.socket(socket.AF_UNIX)",
    "raw socket": "reached = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "netlink socket": "reached = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "pair of sockets": "reached = socket.socketpair()",
    "fork": "reached = os.fork()",
    "thread": "reached = _thread.start_new_thread(print, ())",
    "program": "reached = os.execv('/bin/true', ['true'])",
    "program in a process": "reached = subprocess.Popen(['/bin/true'])",
    "spawned program": "reached = os.posix_spawn('/bin/true', ['true'], {})",
    "kill the template": "reached = os.kill(parent, 9)",
    "signal the template": "reached = os.kill(parent, 0)",
    "kill everything": "reached = os.kill(-1, 9)",
    "kill itself with a signal of its choice": "reached = signal.raise_signal(10)",
    "trace the template": "reached = libc.ptrace(16, parent, 0, 0)",
    "ask to be traced": "reached = libc.ptrace(0, 0, 0, 0)",
    "read another process": "reached = libc.process_vm_readv(parent, 0, 0, 0, 0, 0)",
    "write another process": "reached = libc.process_vm_writev(parent, 0, 0, 0, 0, 0)",
    "become root": "reached = os.setuid(0)",
    "become root by all ids": "reached = os.setresuid(0, 0, 0)",
    "change the root folder": "reached = os.chroot('/')",
    "new namespace": "reached = libc.unshare(0x10000000)",
    "mount": "reached = libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
    "raise a limit": "reached = resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))",
    "undo the filter": "reached = libc.prctl(22, 0, 0, 0, 0)",
    "memory to execute": "reached = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "make memory executable": (
        "m = mmap.mmap(-1, 4096); a = ctypes.addressof(ctypes.c_char.from_buffer(m));"
        "reached = libc.mprotect(ctypes.c_void_p(a & ~4095), 4096, 5)"
    ),
    "memory of a file": "libc.mmap.restype = ctypes.c_void_p; reached = libc.mmap(0, 4096, 1, 2, 1, 0)",
    "shared memory": "reached = libc.shmget(0, 4096, 0o1666)",
    "message queue": "reached = libc.msgget(0, 0o1666)",
    "read from the connection": "reached = os.read(1, 10)",
    "hand over a descriptor": "reached = libc.sendmsg(1, 0, 0)",
    "write elsewhere": "reached = os.write(2, b'x')",
    "copy a descriptor": "reached = os.dup(1)",
    "io_uring": "reached = libc.syscall(425, 8, 0)",
    "bpf": "reached = libc.syscall(321, 0, 0, 0)",
    "key ring": "reached = libc.syscall(250, 0, 0)",
    "performance events": "reached = libc.syscall(298, 0, 0, 0, 0, 0)",
    "system call of another interface": "reached = libc.syscall(0x40000000 | 39)",
    "name of the machine": "reached = os.uname()",
    "who am I": "reached = os.getuid()",
    "sleep": "time.sleep(3600)",
    "wait for a signal": "signal.pause()",
    "clock": "reached = time.clock_settime(time.CLOCK_REALTIME, 0)",
    "reboot": "reached = libc.reboot(0xfee1dead)",
    "priority": "reached = os.nice(-5)",
    "terminal": "reached = os.ttyname(1)",
}
