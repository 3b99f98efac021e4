#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-layers.py SOURCE [BUILD]: holds the tree to tools/layers.

Scans every include of every C file. With BUILD it also links each convenience library whole against
only its allowed lower libraries, so a call upwards fails even if its prototype was smuggled in.
"""
import configparser
import os
import re
import shlex
import subprocess
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
LIBC = re.compile(r"""^(?:
    (?:assert|complex|ctype|dirent|dlfcn|endian|errno|fcntl|fenv|float|fnmatch|getopt|glob|grp|iconv|
       ifaddrs|inttypes|langinfo|libgen|limits|locale|malloc|math|mntent|netdb|paths|poll|pty|pwd|
       regex|resolv|sched|search|semaphore|setjmp|signal|stdarg|stdatomic|stdalign|stdbool|stddef|
       stdint|stdio|stdlib|stdnoreturn|string|strings|sysexits|syslog|termios|time|uchar|unistd|utime|
       utmp|wchar|wctype|wordexp|byteswap|execinfo|fts|ftw|spawn|link|features|alloca|elf)\.h
    |(?:sys|linux|net|netinet|arpa|bits|asm|asm-generic)/[a-z0-9_/.-]+\.h)$""", re.X)


class Layers:
    def __init__(self, source):
        self.source = source
        table = configparser.ConfigParser(delimiters="=", interpolation=None)
        table.read(os.path.join(source, "tools", "layers"))
        self.foreign = {name: text.split() for name, text in table["foreign"].items()}
        self.packages = dict(table["link"])
        self.layers = {name: table[name] for name in table.sections()
                       if name not in ("foreign", "link")}

    def of(self, path):
        found = [x for x in self.layers if path.startswith(x + "/")]
        return max(found, key=len) if found else None

    def words(self, layer, key):
        return self.layers[layer].get(key, "").split()

    def own_header(self, name):
        """A header of ours as a path in the tree; None when there is none."""
        if name.startswith("transfer/"):
            return "client-lib/include/" + name
        return name if self.of(name) else None

    def owner_of_foreign(self, name):
        for library, patterns in self.foreign.items():
            if any(name == p or (p.endswith("/") and name.startswith(p)) for p in patterns):
                return library
        return None

    def files(self):
        for layer in self.layers:
            for folder, _, names in os.walk(os.path.join(self.source, layer)):
                for name in sorted(names):
                    path = os.path.relpath(os.path.join(folder, name), self.source)
                    if name.endswith((".c", ".h")) and self.of(path) == layer:
                        yield layer, path

    def may_include(self, layer, header):
        if self.of(header) == layer or "*" in self.words(layer, "headers"):
            return True
        for word in self.words(layer, "headers"):
            if word.startswith("transfer/"):
                word = "client-lib/include/" + word
            if header == word or self.of(header) == word:
                return True
        return False

    def scan(self, path, layer, text):
        """The wrong includes of one file."""
        first = True
        for kind, name in INCLUDE.findall(text):
            own = self.own_header(name)
            line = text[:text.find(name)].count("\n") + 1
            where = f"{path}:{line}: "
            if own:
                if not self.may_include(layer, own):
                    yield f"{where}{layer} must not include {name}"
            elif kind == '"':
                yield f"{where}\"{name}\" is in no layer; name it with its folder"
            else:
                library = self.owner_of_foreign(name)
                allowed = self.words(layer, "foreign") + ["free"]
                if library and library not in allowed and "*" not in allowed:
                    yield f"{where}{layer} must not use {library} (<{name}>)"
                if not library and not LIBC.match(name) and "*" not in allowed:
                    yield f"{where}<{name}> belongs to no library in tools/layers"
            mine = re.sub(r"\.c$", ".h", path)
            if first and layer != "tests" and path.endswith(".c") and own != mine \
                    and os.path.exists(os.path.join(self.source, mine)):
                yield f"{where}the first include must be the file's own header"
            first = False

    def include_faults(self):
        for layer, path in self.files():
            with open(os.path.join(self.source, path), encoding="utf-8") as f:
                yield from self.scan(path, layer, f.read())

    # ---- linking alone ----

    def libraries_below(self, layer):
        """The libraries that this one may call, nearest first, each once."""
        order = []

        def visit(name):
            for word in self.words(name, "headers"):
                below = self.of(word + "/") or self.of(word)
                if word == "client-lib/include":
                    below = "client-lib"
                if below and below != name and below not in order and self.layers[below].get("library"):
                    if word.endswith(".h") and self.words(name, "upward"):
                        continue
                    order.append(below)
        visit(layer)
        return order

    def foreign_flags(self, layers):
        names = {self.packages[f] for x in layers for f in self.words(x, "foreign")
                 if f in self.packages}
        if not names:
            return []
        out = subprocess.run(shlex.split(os.environ.get("PKG_CONFIG") or "pkg-config")
                             + ["--libs"] + sorted(names),
                             check=True, capture_output=True, text=True).stdout
        return shlex.split(out)

    def link_alone(self, build, layer):
        """None, or why the library of this layer does not link."""
        archive = os.path.join(build, ".libs", self.layers[layer]["library"] + ".a")
        if not os.path.exists(archive):
            return f"{archive} is not built"
        below = self.libraries_below(layer)
        if layer == "cli":
            lower = ["-L" + os.path.join(build, ".libs"), "-ltransfer",
                     "-Wl,-rpath-link," + os.path.join(build, ".libs")]
            below = []
        else:
            lower = [os.path.join(build, ".libs", self.layers[x]["library"] + ".a") for x in below]
        source = "int main(void) { return 0; }\n"
        for prefix in self.words(layer, "upward"):
            source += "".join(f"void {x}(void);\nvoid {x}(void) {{}}\n"
                              for x in undefined(archive) if x.startswith(prefix))
        with tempfile.TemporaryDirectory() as folder:
            main = os.path.join(folder, "main.c")
            with open(main, "w", encoding="utf-8") as f:
                f.write(source)
            command = shlex.split(os.environ.get("CC") or "cc") \
                + shlex.split(os.environ.get("CFLAGS") or "") \
                + ["-pthread", "-o", os.path.join(folder, "alone"), main,
                   "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive",
                   "-Wl,--start-group"] + lower + ["-Wl,--end-group"] \
                + self.foreign_flags([layer] + below)
            done = subprocess.run(command, capture_output=True, text=True)
        return done.stderr if done.returncode else None

    def link_faults(self, build):
        for layer in self.layers:
            if self.layers[layer].get("library"):
                why = self.link_alone(build, layer)
                if why:
                    yield f"{layer} does not link against its lower layers alone:\n{why}"


def undefined(archive):
    out = subprocess.run(["nm", "-u", archive], check=True, capture_output=True, text=True).stdout
    return sorted({line.split()[-1] for line in out.splitlines() if line.startswith(" ")})


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    layers = Layers(sys.argv[1])
    faults = list(layers.include_faults())
    if len(sys.argv) > 2:
        faults += layers.link_faults(sys.argv[2])
    if not list(layers.files()):
        faults.append("no source found")
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
