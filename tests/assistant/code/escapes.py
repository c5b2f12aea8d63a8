"""Attempts to get out: to read, write, connect, start something, stay, or take more than there is.

CANARY stands for the path of a file that must not be read, OUTSIDE for one that must not be there afterwards, PORT for
a port of this machine at which somebody listens, PARENT for the process that has started the child. What an attempt
finds it leaves in `leak`; without the checker it is run as it stands, with all of Python.
"""

READS = """
leak = open("CANARY").read()
leak = open("CANARY", "rb").read()
leak = __import__("pathlib").Path("CANARY").read_text()
import os; leak = os.read(os.open("CANARY", os.O_RDONLY), 100)
import os; leak = os.listdir("/")
import os; leak = [entry.name for entry in os.scandir("/etc")]
import os; leak = os.readlink("/proc/self/exe")
import os; leak = os.stat("CANARY").st_size
import os; leak = os.path.getsize("CANARY") if os.path.exists("CANARY") else open("CANARY")
import io; leak = io.open("CANARY").read()
import io; leak = io.FileIO("CANARY").read()
import codecs; leak = codecs.open("CANARY").read()
import fileinput; leak = list(fileinput.input("CANARY"))
import linecache; leak = linecache.getlines("CANARY") or open("CANARY")
import tokenize; leak = tokenize.open("CANARY").read()
import mmap, os; leak = mmap.mmap(os.open("CANARY", os.O_RDONLY), 0, access=mmap.ACCESS_READ).read()
import numpy; leak = numpy.fromfile("CANARY", dtype="u1").tobytes()
import numpy; leak = numpy.memmap("CANARY", dtype="u1").tobytes()
import numpy; leak = numpy.loadtxt("CANARY", dtype=str)
import shutil; leak = shutil.copyfile("CANARY", "OUTSIDE")
import runpy; leak = runpy.run_path("CANARY")
import importlib.util; leak = importlib.util.spec_from_file_location("x", "CANARY").loader.get_data("CANARY")
import ctypes; leak = ctypes.CDLL(None).open(b"CANARY", 0) if ctypes.CDLL(None).open(b"CANARY", 0) >= 0 else open("CANARY")
import ctypes; ctypes.CDLL("CANARY")
import posix; leak = posix.open("CANARY", 0)
import os; leak = os.open("CANARY", os.O_PATH)
import os; leak = os.openat if hasattr(os, "openat") else os.open("CANARY", 0, dir_fd=None)
leak = open("/etc/passwd").read()
leak = open("/proc/self/environ").read()
leak = open("/proc/self/maps").read()
leak = open("/proc/self/mem", "rb").read(1)
leak = open("/proc/self/cmdline").read()
leak = open("/proc/PARENT/environ", "rb").read()
leak = open("/proc/PARENT/maps").read()
leak = open("/proc/PARENT/mem", "rb")
leak = open("/proc/1/cmdline").read()
leak = open("/dev/kmsg").read(1)
leak = open("/sys/kernel/security/lsm").read()
leak = open(0).read() or open("CANARY")
leak = exec("leak2 = open('CANARY').read()") or open("CANARY")
leak = eval("open('CANARY').read()")
leak = compile("open('CANARY').read()", "x", "eval") and eval("open('CANARY').read()")
leak = getattr(__builtins__, "open")("CANARY").read()
leak = globals()["__builtins__"].open("CANARY").read()
leak = vars(__builtins__)["open"]("CANARY").read()
leak = ().__class__.__base__.__subclasses__()[0].__init__.__globals__ if False else open("CANARY").read()
leak = [c for c in ().__class__.__bases__[0].__subclasses__() if c.__name__ == "FileIO"][0]("CANARY").read()
leak = [c for c in object.__subclasses__() if c.__name__ == "_wrap_close"][0].__init__.__globals__["open"]("CANARY", 0)
leak = pl.__loader__.get_data("CANARY")
leak = pl.__dict__["contextlib"].__builtins__["open"]("CANARY").read()
leak = pl.DataFrame.__init__.__globals__["__builtins__"]["open"]("CANARY").read()
leak = pl.DataFrame.filter.__globals__["os"].listdir("/")
leak = pl.col.__class__.__init__.__globals__["__builtins__"]["open"]("CANARY")
leak = df.__class__.__mro__[-1].__subclasses__()[0] and open("CANARY")
leak = df.filter.__func__.__globals__["__builtins__"]["open"]("CANARY").read()
leak = (lambda: 0).__globals__["__builtins__"].open("CANARY").read()
leak = (lambda: 0).__code__.replace(co_names=("open",)) and open("CANARY")
leak = (x for x in [1]).gi_frame.f_back.f_globals["__builtins__"].open("CANARY").read()
leak = (x for x in [1]).gi_frame.f_builtins["open"]("CANARY").read()
leak = "{0.__class__.__mro__}".format(df) and open("CANARY")
leak = "{0.__init__.__globals__[__builtins__]}".format(pl.DataFrame) and open("CANARY").read()
leak = "%s" % open("CANARY").read()
leak = f"{open('CANARY').read()}"
leak = f"{df.__class__.__init__.__globals__!r}" and open("CANARY")
leak = str.format("{0.__doc__}", open("CANARY"))
leak = "{x.__class__}".format_map({"x": open("CANARY")})
leak = [open for open in [open]][0]("CANARY").read()
leak = (read := open("CANARY")).read()
leak = next(open("CANARY"))
leak = [*open("CANARY")]
leak = {**{"x": open("CANARY").read()}}
leak = (lambda path: open(path).read())("CANARY")
leak = list(map(lambda path: open(path).read(), ["CANARY"]))
leak = sorted(["CANARY"], key=lambda path: open(path).read())
leak = max(["CANARY"], key=open)
leak = print(open("CANARY").read()) or open("CANARY")
leak = input()  or open("CANARY")
leak = breakpoint() or open("CANARY")
leak = help("modules") or open("CANARY")
leak = vars() and open("CANARY")
leak = type("X", (), {"__init__": lambda self: None})() and open("CANARY")
leak = __builtins__.__import__("os").environ["HOME"] + open("CANARY").read()
import os; leak = os.environ["FLOWML_TEST_SECRET"]
import os; leak = os.getenv("FLOWML_TEST_SECRET") or os.environ["FLOWML_TEST_SECRET"]
from os import environ; leak = environ["FLOWML_TEST_SECRET"]
import sys; leak = sys.modules["os"].environ["FLOWML_TEST_SECRET"]
import sys; leak = sys._getframe(1).f_globals["__builtins__"].open("CANARY")
import sys; leak = sys._getframe().f_back.f_back.f_locals["request"]["nothing"]
import inspect; leak = inspect.currentframe().f_back.f_builtins["open"]("CANARY")
import gc; leak = [o for o in gc.get_objects() if isinstance(o, bytes) and b"canary" in o][0]
import builtins; leak = builtins.open("CANARY").read()
from builtins import open as read; leak = read("CANARY").read()
import os as o; leak = o.popen("cat CANARY").read()
"""  # noqa: E501

OF_POLARS = """
df = pl.read_csv("CANARY"); leak = df.rows()
df = pl.read_csv("CANARY", has_header=False); leak = df.rows()
leak = pl.read_parquet("CANARY").rows()
leak = pl.read_ipc("CANARY").rows()
leak = pl.read_ipc("CANARY", memory_map=True).rows()
leak = pl.read_ipc_stream("CANARY").rows()
leak = pl.read_json("CANARY").rows()
leak = pl.read_ndjson("CANARY").rows()
leak = pl.read_avro("CANARY").rows()
leak = pl.read_excel("CANARY").rows()
leak = pl.read_ods("CANARY").rows()
leak = pl.read_lines("CANARY").rows()
leak = pl.read_delta("/tmp").rows()
leak = pl.read_clipboard().rows()
leak = pl.read_database("select 1", "sqlite:///CANARY").rows()
leak = pl.read_database_uri("select 1", "sqlite:///CANARY").rows()
leak = pl.read_parquet_schema("CANARY")
leak = pl.read_parquet_metadata("CANARY")
leak = pl.read_ipc_schema("CANARY")
leak = pl.scan_csv("CANARY").collect().rows()
leak = pl.scan_csv("CANARY", has_header=False).collect().rows()
leak = pl.scan_parquet("CANARY").collect().rows()
leak = pl.scan_ipc("CANARY").collect().rows()
leak = pl.scan_ndjson("CANARY").collect().rows()
leak = pl.scan_lines("CANARY").collect().rows()
leak = pl.scan_delta("/tmp").collect().rows()
leak = pl.scan_iceberg("/tmp/x").collect().rows()
leak = pl.scan_csv("http://127.0.0.1:PORT/x.csv").collect().rows()
leak = pl.read_csv("http://127.0.0.1:PORT/x.csv").rows()
leak = pl.scan_parquet("http://127.0.0.1:PORT/x.parquet").collect().rows()
leak = pl.scan_parquet("s3://bucket/x", storage_options={"aws_endpoint_url": "http://127.0.0.1:PORT", "aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region": "x"}).collect().rows()
leak = pl.sql("SELECT * FROM read_csv('CANARY')").collect().rows()
leak = pl.sql("SELECT * FROM read_parquet('CANARY')").collect().rows()
leak = df.sql("SELECT * FROM read_csv('CANARY')").rows()
leak = df.lazy().sql("SELECT * FROM read_json('CANARY')").collect().rows()
leak = pl.SQLContext().execute("SELECT * FROM read_csv('CANARY')").collect().rows()
leak = pl.SQLContext(register_globals=True).execute("SELECT * FROM read_ipc('CANARY')").collect().rows()
leak = pl.select(pl.sql_expr("1")).rows() and open("CANARY")
df.write_csv("OUTSIDE")
df.write_parquet("OUTSIDE")
df.write_parquet("OUTSIDE", partition_by="a")
df.write_ipc("OUTSIDE")
df.write_ipc_stream("OUTSIDE")
df.write_json("OUTSIDE")
df.write_ndjson("OUTSIDE")
df.write_avro("OUTSIDE")
df.write_excel("OUTSIDE")
df.write_delta("OUTSIDE")
df.write_database("t", "sqlite:///OUTSIDE")
df.write_clipboard()
df.lazy().sink_csv("OUTSIDE")
df.lazy().sink_parquet("OUTSIDE")
df.lazy().sink_ipc("OUTSIDE")
df.lazy().sink_ndjson("OUTSIDE")
df.lazy().sink_csv("OUTSIDE", lazy=True).collect()
df.lazy().sink_parquet(pl.PartitionBy("OUTSIDE", key="a"))
df.lazy().sink_csv("OUTSIDE", mkdir=True)
df.lazy().show_graph(output_path="OUTSIDE")
df.serialize("OUTSIDE")
df.lazy().serialize("OUTSIDE")
leak = pl.DataFrame.deserialize("CANARY")
leak = pl.LazyFrame.deserialize("CANARY")
leak = pl.Expr.deserialize("CANARY")
leak = pl.col("a").meta.serialize() and pl.Expr.deserialize(b"x", format="binary")
df = df.with_columns(pl.col("a").map_elements(lambda value: open("CANARY").read(), return_dtype=pl.String)); leak = df.rows()
df = df.with_columns(pl.col("a").map_elements(eval, return_dtype=pl.String)); leak = df.rows()
df = df.with_columns(pl.col("a").map_batches(lambda column: open("CANARY"))); leak = df.rows()
leak = df.select(pl.map_batches(["a"], lambda columns: open("CANARY"))).rows()
leak = df.map_rows(lambda row: (open("CANARY").read(),)).rows()
leak = df.map_columns("a", lambda column: open("CANARY"))
leak = df.group_by("a").map_groups(lambda frame: open("CANARY"))
leak = df.lazy().map_batches(lambda frame: open("CANARY")).collect()
leak = df.pipe(lambda frame: open("CANARY").read())
leak = df.pipe(open)
leak = df.select(pl.col("a").rolling_map(lambda values: open("CANARY"), window_size=1)).rows()
leak = df.fold(lambda one, other: open("CANARY"))
leak = df.select(pl.fold(pl.lit(0), lambda one, other: open("CANARY"), pl.all())).rows()
leak = df.select(pl.reduce(lambda one, other: open("CANARY"), pl.all())).rows()
leak = df.lazy().inspect(lambda frame: open("OUTSIDE", "w")).collect()
leak = df.select(pl.col("a").name.map(lambda name: open("CANARY").read()))
leak = df.rename(lambda name: open("CANARY").read())
leak = df["a"].map_elements(lambda value: open("CANARY").read())
leak = df.select(pl.col("a").inspect(print)) and open("CANARY")
leak = pl.plugins.register_plugin_function(plugin_path="CANARY", function_name="f", args=[pl.col("a")])
leak = df.select(pl.plugins.register_plugin_function(plugin_path="CANARY", function_name="f", args=[pl.col("a")])).rows()
leak = pl.api.register_expr_namespace("x")(type("X", (), {})) and open("CANARY")
leak = pl.api.register_dataframe_namespace("x") and open("CANARY")
leak = pl.Config.load_from_file("CANARY")
leak = pl.Config.save_to_file("OUTSIDE")
leak = pl.Config.set_tbl_rows(1) and open("CANARY")
leak = pl.build_info() and open("CANARY")
leak = pl.show_versions() or open("CANARY")
leak = pl.Catalog("http://127.0.0.1:PORT").list_catalogs()
leak = pl.from_pandas(open("CANARY"))
leak = pl.from_arrow(open("CANARY"))
leak = pl.from_numpy(open("CANARY"))
leak = pl.from_torch(open("CANARY"))
leak = pl.from_dataframe(open("CANARY"))
leak = pl.json_normalize(open("CANARY"))
leak = pl.scan_pyarrow_dataset(open("CANARY"))
leak = pl.defer(lambda: open("CANARY"), schema={"a": pl.Int64}).collect()
leak = df.lazy().collect(engine="gpu") and open("CANARY")
leak = df.lazy().remote() and open("CANARY")
leak = df.lazy().collect_async() and open("CANARY")
leak = pl.lit(open, allow_object=True) and open("CANARY")
leak = pl.Series([open], dtype=pl.Object).to_list()[0]("CANARY").read()
leak = pl.Series([pl]).to_list()[0].__dict__["read_csv"]("CANARY")
leak = df.plot.scatter("a", "a").save("OUTSIDE")
leak = df.style.save("OUTSIDE")
leak = df.to_pandas().to_csv("OUTSIDE")
leak = df.to_numpy().tofile("OUTSIDE")
leak = df.to_torch()
leak = df["a"].to_numpy().dump("OUTSIDE")
leak = df.selectors if hasattr(df, "selectors") else open("CANARY")
leak = pl.functions.lazy.open("CANARY") if hasattr(pl.functions.lazy, "open") else open("CANARY")
leak = pl.io.csv.functions.Path("CANARY").read_text()
leak = pl.convert.general.io.open("CANARY").read()
leak = pl.contextlib.sys.modules["os"].listdir("/")
leak = pl.os.listdir("/")
leak = cs.re_escape.__globals__["__builtins__"]["open"]("CANARY")
leak = cs.reduce(lambda one, other: open("CANARY"), [1, 2])
leak = pl.thread_pool_size() and open("CANARY")
leak = pl.Extension and open("CANARY")
"""  # noqa: E501

WRITES = """
open("OUTSIDE", "w").write("x")
open("OUTSIDE", "ab").write(b"x")
import os; os.open("OUTSIDE", os.O_CREAT | os.O_WRONLY)
import os; os.mkdir("OUTSIDE")
import os; os.makedirs("OUTSIDE/a/b")
import os; os.symlink("CANARY", "OUTSIDE")
import os; os.link("CANARY", "OUTSIDE")
import os; os.rename("CANARY", "OUTSIDE")
import os; os.replace("CANARY", "OUTSIDE")
import os; os.unlink("CANARY")
import os; os.truncate("CANARY", 0)
import os; os.chmod("CANARY", 0)
import os; os.chown("CANARY", 1, 1)
import os; os.utime("CANARY", (0, 0))
import ctypes; leak = ctypes.CDLL(None).utimensat(-100, b"CANARY", 0, 0); leak = leak if leak >= 0 else open("CANARY")
import os; os.mkfifo("OUTSIDE")
import os; os.mknod("OUTSIDE")
import os; os.chdir("/"); open("OUTSIDE", "w")
import os; os.chroot("/")
import os; os.setxattr("CANARY", "user.x", b"x")
import pathlib; pathlib.Path("OUTSIDE").touch()
import tempfile; tempfile.NamedTemporaryFile(delete=False)
import tempfile; tempfile.mkdtemp()
import sqlite3; sqlite3.connect("OUTSIDE").execute("create table t (a)")
import shelve; shelve.open("OUTSIDE")
import zipfile; zipfile.ZipFile("OUTSIDE", "w")
import logging; logging.FileHandler("OUTSIDE")
import pickle; pickle.dump(1, open("OUTSIDE", "wb"))
import pickle; leak = pickle.loads(b"cbuiltins\\nopen\\n(VCANARY\\ntR.").read()
import ctypes; leak = ctypes.CDLL(None).creat(b"OUTSIDE", 0o600); leak = leak if leak >= 0 else open("CANARY")
import ctypes; leak = ctypes.CDLL(None).syscall(85, b"OUTSIDE", 0o600); leak = leak if leak >= 0 else open("CANARY")
import os; os.write(os.memfd_create("x"), b"x"); open("CANARY")
import multiprocessing.shared_memory as m; leak = m.SharedMemory(create=True, size=10); open("CANARY")
"""

CONNECTS = """
import socket; leak = socket.create_connection(("127.0.0.1", PORT), 1)
import socket; leak = socket.socket(); leak.connect(("127.0.0.1", PORT))
import socket; leak = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", PORT))
import socket; leak = socket.socket(socket.AF_INET6)
import socket; leak = socket.socket(socket.AF_UNIX).connect("/run/x")
import socket; leak = socket.socketpair()
import socket; leak = socket.socket(); leak.bind(("127.0.0.1", 0)); leak.listen()
import socket; leak = socket.getaddrinfo("localhost", PORT); leak = socket.create_connection(("127.0.0.1", PORT))
import socket; leak = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
import socket; leak = socket.socket(fileno=0) or socket.socket()
import urllib.request; leak = urllib.request.urlopen("http://127.0.0.1:PORT/", timeout=1)
import http.client; leak = http.client.HTTPConnection("127.0.0.1", PORT, timeout=1).request("GET", "/")
import asyncio; leak = asyncio.run(asyncio.open_connection("127.0.0.1", PORT))
import ctypes; leak = ctypes.CDLL(None).socket(2, 1, 0); leak = leak if leak >= 0 else open("CANARY")
import ctypes; leak = ctypes.CDLL(None).syscall(41, 2, 1, 0); leak = leak if leak >= 0 else open("CANARY")
import ctypes; leak = ctypes.CDLL(None).syscall(425, 8, 0); leak = leak if leak >= 0 else open("CANARY")
"""

STARTS = """
import os; leak = os.fork()
import os; leak = os.forkpty()
import os; leak = os.vfork() if hasattr(os, "vfork") else os.fork()
import os; leak = os.system("touch OUTSIDE") == 0 or open("CANARY")
import os; leak = os.popen("cat CANARY").read()
import os; os.execv("/bin/sh", ["sh", "-c", "touch OUTSIDE"])
import os; leak = os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "touch OUTSIDE"]) == 0 or open("CANARY")
import os; leak = os.posix_spawn("/bin/sh", ["sh", "-c", "touch OUTSIDE"], {})
import subprocess; leak = subprocess.run(["touch", "OUTSIDE"])
import subprocess; leak = subprocess.Popen(["sleep", "60"])
import subprocess; leak = subprocess.check_output("cat CANARY", shell=True)
import multiprocessing; multiprocessing.get_context("fork").Process(target=print).start()
import multiprocessing; multiprocessing.get_context("spawn").Process(target=print).start()
import concurrent.futures as f; leak = f.ProcessPoolExecutor(1).submit(print).result()
import pty; leak = pty.spawn("/bin/sh")
import ctypes; leak = ctypes.CDLL(None).fork(); leak = leak if leak >= 0 else open("CANARY")
import ctypes; leak = ctypes.CDLL(None).system(b"touch OUTSIDE"); leak = 1 if leak == 0 else open("CANARY")
import ctypes; leak = ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0); leak = leak if leak >= 0 else open("CANARY")
import ctypes; leak = ctypes.CDLL(None).syscall(101, 16, PARENT, 0, 0); leak = leak if leak >= 0 else open("CANARY")
import ctypes; leak = ctypes.CDLL(None).syscall(310, PARENT, 0, 0, 0, 0, 0); leak = leak if leak >= 0 else open("CANARY")
import os, signal; leak = os.kill(PARENT, 0) or "signalled"
import os, signal; leak = os.kill(PARENT, signal.SIGTERM) or "signalled"
import os; leak = os.killpg(0, 0) or "signalled"
import os; leak = os.pidfd_open(PARENT)
import signal; leak = signal.pidfd_send_signal(0, 0)
import os; os.setsid()
import os; os.setuid(0); leak = open("CANARY").read()
import os; leak = os.unshare(0x10000000)
import os; leak = os.setns(0)
import os; os.nice(-5) and open("CANARY")
import os; leak = os.sched_setaffinity(PARENT, {0}) or "moved"
import resource; leak = resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) or "raised"
import resource; leak = resource.prlimit(PARENT, resource.RLIMIT_NOFILE) and "looked"
import signal; leak = signal.signal(signal.SIGXCPU, signal.SIG_IGN), open("CANARY")
import threading; threading.Thread(target=lambda: open("OUTSIDE", "w")).start(); leak = open("CANARY")
import _thread; _thread.start_new_thread(open, ("OUTSIDE", "w")); leak = open("CANARY")
import atexit; atexit.register(lambda: open("OUTSIDE", "w")); leak = open("CANARY")
import faulthandler; faulthandler.enable(open("OUTSIDE", "w"))
import code; code.interact() or open("CANARY")
import webbrowser; leak = webbrowser.open("http://127.0.0.1:PORT") or open("CANARY")
"""  # noqa: E501

OF_PYTHON = (
    "def f():\n    return open('CANARY').read()\nleak = f()",
    "class A:\n    leak = open('CANARY').read()\nleak = A.leak",
    "@open\ndef f(): pass",
    "@(lambda f: open('CANARY').read())\nclass leak: pass",
    "async def f():\n    return open('CANARY').read()\nimport asyncio\nleak = asyncio.run(f())",
    "for path in ['CANARY']:\n    leak = open(path).read()",
    "while True:\n    leak = open('CANARY').read()\n    break",
    "with open('CANARY') as file:\n    leak = file.read()",
    (
        "try:\n    1 / 0\nexcept Exception as error:\n"
        "    leak = error.__traceback__.tb_frame.f_builtins['open']('CANARY').read()"
    ),
    "try:\n    raise ExceptionGroup('x', [ValueError()])\nexcept* ValueError:\n    leak = open('CANARY').read()",
    "match open('CANARY').read():\n    case leak: pass",
    (
        "match df:\n    case pl.DataFrame(__class__=c):\n"
        "        leak = c.__init__.__globals__['__builtins__']['open']('CANARY').read()"
    ),
    "if True:\n    leak = open('CANARY').read()",
    "leak: open('CANARY') = 1",
    "leak: 'open' = open('CANARY').read()",
    "def f(path: open('CANARY') = None): pass",
    "def f(file=open('CANARY')):\n    return file\nleak = f().read()",
    "leak = open('CANARY').read() if True else 0",
    "assert open('CANARY'), 1",
    "raise SystemExit(open('CANARY').read())",
    "del df; leak = open('CANARY').read()",
    "global leak; leak = open('CANARY').read()",
    "def f():\n    yield open('CANARY').read()\nleak = next(f())",
    "def f():\n    global leak\n    leak = open('CANARY').read()\nf()",
    "from polars import *; leak = read_csv('CANARY')",
    "from polars.io import *; leak = read_csv('CANARY')",
    "import polars as p; leak = p.read_csv('CANARY').rows()",
    "import polars.io.csv.functions as f; leak = f.read_csv('CANARY').rows()",
    "class A(type):\n    def __prepare__(*a): return {'x': open('CANARY')}\nclass B(metaclass=A): pass",
    "class A:\n    def __init_subclass__(cls): open('CANARY')\nclass B(A): pass",
    "class A:\n    def __getattr__(self, name): return open('CANARY').read()\nleak = A().x",
    "leak = (lambda f: f(f))(lambda f: open('CANARY').read())",
    "df += open('CANARY').read()",
    "df['x'] = open('CANARY').read(); leak = df",
    "df.x = open('CANARY')",
    "pl = open('CANARY'); leak = pl.read()",
    "a, b = open('CANARY'), 1; leak = a.read()",
    "a = b = open('CANARY'); leak = b.read()",
    "[leak] = [open('CANARY').read()]",
    "leak = [x for x in [1] for y in open('CANARY')]",
    "leak = {x: open('CANARY').read() for x in [1]}",
    "leak = {open('CANARY').read() for x in [1]}",
    "leak = [open('CANARY').read() for df in [1]]\ndf = pl.DataFrame({'a': leak})",
    "x = [open('CANARY').read() for df in [1]]\nleak = x\ndf = df",
    "leak = [1 for df in [1] if open('CANARY').read()]\ndf = df.head(1)",
    "leak = {open('CANARY').read(): 1 for df in [1]}\ndf = pl.DataFrame(leak)",
    "leak = {1: pl.read_csv('CANARY') for df in [1] if ().__class__ and open('CANARY')}\ndf = df.head(1)",
    (
        "b = [pl.DataFrame.filter.__globals__['__builtins__'] for df in [1]][0]\n"
        "leak = b['open']('CANARY').read()\ndf = df.head(1)"
    ),
    "leak = [open('CANARY').read() for range in [1]]\ndf = df.head(1)",
    "leak = [open('CANARY').read() for pl in [1]]\ndf = df.head(1)",
    "leak = [open('CANARY').read() for _ in [1]]\ndf = df.head(1)",
    "leak = [[open('CANARY').read() for x in [1]] for y in [1]]\ndf = df.head(1)",
    "leak = [open('CANARY').read() for x in [1] for y in [1]]\ndf = df.head(1)",
    "leak = [open('CANARY').read() for (x) in range(1)]\ndf = df.head(1)",
    "leak = [open('CANARY').read() for x.y in [1]]\ndf = df.head(1)",
    "leak = [1 for x in range(len(open('CANARY').read()))]\ndf = df.head(1)",
    "leak = [1 for x in range(1, key=open('CANARY').read())]\ndf = df.head(1)",
    "leak = [1 for x in [0] if x or open('CANARY').read()]\ndf = df.head(1)",
    "leak = [1 for x in [1] if not (x and open('CANARY').read())]\ndf = df.head(1)",
    "leak = df[open('CANARY').read():]\ndf = df.head(1)",
    "leak = df[0, open('CANARY').read()]\ndf = df.head(1)",
    "ｐｌ.read_csv('CANARY'); leak = ｏｐｅｎ('CANARY').read()",
    "leak = df.__ｃｌａｓｓ__.__init__.__globals__['__builtins__']['open']('CANARY').read()",
    "leak = 𝓸𝓹𝓮𝓷('CANARY').read()",
    "leak = open('CANARY').read() # \u202e df",
    "leak = 1\nraise KeyboardInterrupt(open('CANARY').read())",
    "import ctypes; leak = ctypes.string_at(id(df), 8); open('CANARY')",
    "import ctypes; leak = ctypes.pythonapi.PyRun_SimpleString(b'open(\"OUTSIDE\", \"w\")') == 0 or open('CANARY')",
    "leak = __builtins__['open']('CANARY').read() if isinstance(__builtins__, dict) else open('CANARY').read()",
    "leak = __loader__ and open('CANARY')",
    "leak = __spec__ and open('CANARY')",
    "leak = df._df and open('CANARY')",
    "leak = pl._plr and open('CANARY')",
    "leak = pl.polars.PyDataFrame.read_csv('CANARY') if hasattr(pl, 'polars') else open('CANARY')",
    "leak = pl.plr.PyLazyFrame.new_from_csv('CANARY') if hasattr(pl.plr, 'PyLazyFrame') else open('CANARY')",
)

QUICK: tuple[str, ...] = (
    *(line for block in (READS, OF_POLARS, WRITES, CONNECTS, STARTS) for line in block.strip().split("\n")),
    *OF_PYTHON,
)

ENDLESS = (
    "while True: pass",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    (
        "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n    except OSError: pass\n"
        "while True: pass"
    ),
    (
        "import threading\nfor _ in range(4): threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\n"
        "while True: pass"
    ),
    "import time; time.sleep(3600)",
    "leak = 10**10**10",
    "leak = sum(range(10**12))",
    "import re; leak = re.match('(a+)+$', 'a' * 60 + 'b')",
    "from itertools import count\nleak = [1 for _ in count() if False]",
    "import threading; threading.Event().wait()",
    "import os; os.read(os.pipe()[0], 1)",
    "import signal; signal.pause()",
)
"""They go on until they are stopped. Each has a process of its own."""

GREEDY = (
    "leak = 'a' * 10**12",
    "leak = [0] * 10**11",
    "leak = bytearray(10**12)",
    "leak = []\nwhile True: leak.append('x' * 10**7)",
    "leak = {}\nwhile True: leak[len(leak)] = bytes(10**6)",
    "import mmap; leak = [mmap.mmap(-1, 1 << 33) for _ in range(1000)]",
    "import numpy; leak = numpy.ones(10**12)",
    "df = pl.DataFrame({'a': [0] * 10**10})",
    "df = pl.select(pl.int_range(10**12))",
    "df = pl.select(pl.repeat('x' * 1000, 10**10))",
    "df = pl.DataFrame({'a': range(200_000)}).join(pl.DataFrame({'b': range(200_000)}), how='cross')",
    "import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()",
    "open_ones = []\nimport os\nwhile True: open_ones.append(os.pipe())",
    "import os\nwhile True: os.write(1, b'x' * 10**6)",
    "leak = '{:>1000000000000}'.format(1)",
    "leak = f'{1:>100000000000}'",
    "leak = '%1000000000000d' % 1",
)
"""They want more than there is. Each has a process of its own."""

ENDS = (
    "import os; os._exit(0)",
    "import os; os.abort()",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "import ctypes; ctypes.string_at(0)",
    "df = df.lazy().collect(background=True) and None",
    "raise SystemExit(0)",
    "import sys; sys.exit(0)",
    "import os; os.write(1, b'{\"rows\": 1}'); os._exit(0)",
    # Opened by its number, and closed with it, is where the answer goes.
    'df = df.with_columns(pl.col("a").map_elements(open, return_dtype=pl.String)); leak = df.rows()',
    (
        "import os\nfor d in range(3, 64):\n    try: os.write(d, b'{\"problem\": 7}')\n    except OSError: pass\n"
        "os._exit(0)"
    ),
)
"""They end the process, some with an answer of their own. Each has a process of its own."""

THROUGH_THE_CHECKER = (
    "df = df.select(pl.col('a').repeat_by(1)) if False else df",
    "df = pl.select(pl.int_range(1_000_000)).join(pl.select(pl.int_range(1_000_000)), how='inner', on='literal')",
    "x = pl.select(pl.int_range(1_000_000).alias('k'))\ny = x.with_columns(k=pl.lit(1))\ndf = y.join(y, on='k')",
    "s = 'aaaaaaaaaa'\ns = s + s + s + s + s + s + s + s + s + s\ns = s + s + s + s + s + s + s + s + s + s\n"
    + "s = s + s + s + s + s + s + s + s + s + s\n" * 8
    + "df = df.with_columns(x=pl.lit(s))",
    "n = len('aaaaaaaaaa')\n" + "n = n * n\n" * 60 + "df = df.with_columns(x=pl.lit(n))",
    "df = df.select(pl.int_range(0, pl.col('a').max() * 1_000_000_000_000))",
    "df = df.with_columns(pl.col('b').str.extract('((((a{1000}){1000}){1000}){1000})'))",
    "df = df.with_columns(pl.datetime_range(pl.date(1, 1, 1), pl.date(9999, 1, 1), '1us').implode())",
    "df = df.with_columns(pl.col('b').str.pad_start(pl.col('a').max() * 10_000_000_000))",
    "df = df.with_columns([pl.lit(0).alias(f'x{n}') for n in range(1000)])\n"
    + "df = df.with_columns(cs.all().name.suffix('_'))\n" * 12,
    "df = pl.concat([df for n in range(1000)])\n" + "df = pl.concat([df for n in range(1000)])\n" * 4,
    "df = df.sample(n=1_000_000, with_replacement=True, seed=1)\n"
    + "df = df.join(df.sample(fraction=1.0, seed=2), on='b')\n" * 3,
)
"""What the checker may let through, because only running it shows how much it takes."""
