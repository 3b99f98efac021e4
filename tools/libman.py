#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libman.py HEADERS-FOLDER OUTPUT-FOLDER: the manual pages of libtransfer from its public headers.

One page per object in section 3, from the documentation blocks and the types, and transfer-errors(7) from
the lists of codes. libtransfer(3) is written by hand. libman.py --list prints the names of the pages.
"""
import glob
import os
import re
import sys
import textwrap

DATE = "May 1, 2025"
# page: (headers, purpose, prefixes of functions and types; the first page of a header takes the rest)
PAGES = {
    "transfer_error": ("object.h", "why something failed", ["transfer_error"]),
    "transfer_data": ("object.h", "immutable bytes", ["transfer_data"]),
    "transfer_client": ("client.h", "connection to transferd", ["transfer_client"]),
    "transfer_queue": ("client.h", "where callbacks run", ["transfer_queue", "transfer_work",
                                                           "transfer_executor"]),
    "transfer_config": ("configuration.h configuration-network.h configuration-store.h",
                        "how a session behaves", ["transfer_config"]),
    "transfer_request": ("request.h request-policy.h", "what to fetch or to send", ["transfer_request"]),
    "transfer_body": ("body.h", "what a request sends", ["transfer_body"]),
    "transfer_response": ("response.h", "what a server answered", ["transfer_response"]),
    "transfer_session": ("session.h delegate.h", "tasks with one delegate", ["transfer_session", "transfer_owner"]),
    "transfer_task": ("task.h delegate.h metrics.h", "one upload or download", ["transfer_task", "transfer_resume_data"]),
    "transfer_delayed_request": ("answer.h", "answer to what a delegate is asked", ["transfer_"]),
    "transfer_meter": ("meter.h", "how far a task is", ["transfer_"]),
    "transfer_reader": ("fetch.h", "answers that are waited for", ["transfer_"]),
    "transfer_protocol": ("protocol.h", "schemes of a program's own", ["transfer_"]),
    "transfer_credential": ("credential.h", "who somebody is to a server", ["transfer_"]),
    "transfer_credential_store": ("credential-store.h", "credentials that are kept", ["transfer_"]),
    "transfer_protection_space": ("protection-space.h", "who asks who comes", ["transfer_"]),
    "transfer_cache": ("cache.h", "answers that are kept", ["transfer_"]),
    "transfer_cookie": ("cookie.h", "what a session keeps for servers", ["transfer_"]),
    "transfer_rows": ("rows.h", "lists that a manager hands out", ["transfer_"]),
    "transfer_manager": ("manager.h", "look at and steer all transfers", ["transfer_"]),
}
# headers without an object of their own
PAGELESS = {"transfer.h", "types.h", "error.h"}
ERRORS = "transfer-errors"
BLOCK = re.compile(r"/\*\*\n(.*?)\*/\n(.*?;)\n", re.S)
TYPE = re.compile(r"((?:/\*(?:(?!\*/).)*\*/\n)?)((?:enum(?: \w+)?|struct \w+) \{\n.*?^\};|"
                  r"typedef \w+ \(\*\w+\).*?;|#define TRANSFER_\w+[ \t][^\n]*)\n", re.S | re.M)
LISTED = re.compile(r"^[ \t]*X\((\w+),\s*(-?\d+),\s*\"([^\"]+)\",\s*\\?\s*\"([^\"]+)\"\)", re.M)


def escape(s):
    s = s.replace("\\", r"\e")
    s = re.sub(r"(?<![\w.])-(?=\d)", r"\\-", s)
    return r"\&" + s if s.startswith((".", "'")) else s


def prose(s):
    """A sentence per line, lines of at most 78 bytes, names of functions marked."""
    out = []
    for sentence in re.split(r"(?<=[.:;]) (?=[A-Z])", s):
        for i, part in enumerate(re.split(r"\b(\w+)\(\)", sentence)):
            if i % 2:
                out.append(f".Fn {part}")
                continue
            after = re.match(r"[.,:;)]+", part) if i else None
            if after:
                out[-1] += " " + " ".join(after.group(0))
                part = part[after.end():]
            lines = textwrap.wrap(part, 76, break_long_words=False, break_on_hyphens=False)
            out += [escape(line) for line in lines]
    return out


def literal(text):
    lines = [line.replace("\\", r"\e") for line in text.expandtabs(8).split("\n")]
    return [".Bd -literal"] + [r"\&" + x if x.startswith((".", "'")) else x for x in lines] + [".Ed"]


class Function:
    def __init__(self, block, prototype):
        lines = [re.sub(r"^ \* ?", "", line) for line in block.rstrip().split("\n")]
        self.name, self.purpose = lines[0].split(" - ", 1)
        self.prototype = re.sub(r"\s+", " ", prototype.replace("TRANSFER_PUBLIC ", "")).rstrip(";")
        self.parameters, self.text, self.tags, tag = [], [], {}, None
        for line in lines[1:]:
            found = re.match(r"@(\w+): +(.*)", line)
            named = re.match(r"(Returns|Blocks|Thread|Since|Source): +(.*)", line)
            if found:
                self.parameters.append([found.group(1), found.group(2)])
                tag = "@"
            elif named:
                tag = named.group(1)
                self.tags[tag] = [named.group(2)]
            elif tag == "@" and line.strip():
                self.parameters[-1][1] += " " + line.strip()
            elif tag in self.tags and line.strip():
                self.tags[tag].append(line.strip())
            elif line.strip():
                self.text.append(line)
                tag = None
            else:
                tag = None

    def names(self):
        if self.prototype.startswith("TRANSFER_OBJECT"):
            return [self.name + "_ref", self.name + "_unref"]
        return [self.name]

    def synopsis(self):
        if self.prototype.startswith("TRANSFER_OBJECT"):
            return [f'.Ft "{self.name} *"', f'.Fn {self.name}_ref "const {self.name} *obj"',
                    ".Ft void", f'.Fn {self.name}_unref "{self.name} *obj"']
        kind, arguments = re.match(r"(.*?)\s*" + self.name + r"\((.*)\)$", self.prototype).groups()
        out, depth, part = [f'.Ft "{kind}"', f".Fo {self.name}"], 0, ""
        for c in arguments + ",":
            depth += (c == "(") - (c == ")")
            if c == "," and depth == 0:
                out.append(f'.Fa "{part.strip()}"')
                part = ""
            else:
                part += c
        return out + [".Fc"]

    def description(self):
        head = " , ".join(f"Fn {x}" for x in self.names())
        out = [f".It {head}"] + prose(self.purpose[0].upper() + self.purpose[1:] + ".")
        if self.text:
            out += [".Pp"] + prose(" ".join(x.strip() for x in self.text))
        if self.parameters:
            out += [".Bl -tag -width Ds"]
            for name, text in self.parameters:
                out += [f".It Fa {name}"] + prose(text)
            out += [".El"]
        rows = self.tags.get("Returns", ["nothing"])
        if rows != ["nothing"]:
            out += [".Pp"] + prose("Returns " + rows[0])
            if len(rows) > 1:
                out += [".Bl -tag -width Ds"]
                for row in rows[1:]:
                    code, text = (row.split(None, 1) + [""])[:2]
                    out += [f".It Sy \\{code}" if code.startswith("-") else f".It Sy {code}"]
                    out += prose(text)
                out += [".El"]
        if self.tags["Blocks"] != ["no"]:
            out += [".Pp"] + prose("Blocks: " + " ".join(self.tags["Blocks"]) + ".")
        if self.tags["Thread"] != ["any"]:
            out += [".Pp"] + prose("Thread: " + " ".join(self.tags["Thread"]) + ".")
        source = " ".join(self.tags["Source"])
        if "libtransfer" not in source:
            out += [".Pp"] + prose(f"Meaning: {source}.")
        return out


def page_of(header, name):
    best = None
    for page, (of, _, prefixes) in PAGES.items():
        if header in of.split() and any(name.startswith(x) for x in prefixes):
            longest = max(len(x) for x in prefixes if name.startswith(x))
            if best is None or longest > best[0]:
                best = (longest, page)
    return best[1] if best else next(p for p, v in PAGES.items() if header in v[0].split())


def type_name(declaration):
    found = re.search(r"\b(transfer_\w+)", declaration)
    return found.group(1) if found else ""


def read(folder):
    functions, types = {p: [] for p in PAGES}, {p: [] for p in PAGES}
    headers = {x for v in PAGES.values() for x in v[0].split()}
    without = {os.path.basename(x) for x in glob.glob(os.path.join(folder, "*.h"))} - headers - PAGELESS
    if without:
        sys.exit("no page tells of " + " ".join(sorted(without)))
    for header in sorted(headers):
        with open(os.path.join(folder, header), encoding="utf-8") as f:
            text = f.read()
        for block, prototype in BLOCK.findall(text):
            function = Function(block, prototype)
            functions[page_of(header, function.name)].append(function)
        for comment, declaration in TYPE.findall(BLOCK.sub("", text)):
            unwanted = re.match(r"#define (TRANSFER_\w*_H|TRANSFER_PUBLIC|TRANSFER_OBJECT)\b", declaration)
            if not unwanted and "\\" not in declaration and "#" not in declaration[1:]:
                types[page_of(header, type_name(declaration))].append(comment + declaration)
    return functions, types


def page(name, functions, types):
    headers, purpose, _ = PAGES[name]
    top = "transfer/manager.h" if headers in ("manager.h", "rows.h") else "transfer/transfer.h"
    names = [name] if name in ("transfer_rows", "transfer_manager") else []
    for function in functions:
        names += [x for x in function.names() if x not in names]
    out = [r'.\" SPDX-License-Identifier: MIT', r'.\" Generated by tools/libman.py from the headers.',
           f".Dd {DATE}", f".Dt {name.upper()} 3", ".Os", ".Sh NAME"]
    out += [f".Nm {x}" + (" ," if x != names[-1] else "") for x in names]
    out += [f".Nd {purpose}", ".Sh LIBRARY", "libtransfer (pkg-config libtransfer)", ".Sh SYNOPSIS",
            f".In {top}"]
    for function in functions:
        out += function.synopsis()
    out += [".Sh DESCRIPTION"]
    if types:
        for declaration in types:
            out += literal(declaration)
    out += [".Bl -tag -width Ds"]
    for function in functions:
        out += function.description()
    out += [".El", ".Sh SEE ALSO"]
    others = sorted(x for x in PAGES if x != name)
    out += [".Xr libtransfer 3 ,"] + [f".Xr {x} 3 ," for x in others] + [f".Xr {ERRORS} 7"]
    return "\n".join(out) + "\n"


def listed(path, name):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    start = text.index(f"#define {name}(X)")
    return LISTED.findall(text[start:text.index("\n\n", start)])


def errors(folder):
    out = [r'.\" SPDX-License-Identifier: MIT', r'.\" Generated by tools/libman.py from the headers.',
           f".Dd {DATE}", f".Dt {ERRORS.upper()} 7", ".Os", ".Sh NAME", f".Nm {ERRORS}",
           ".Nd why a transfer failed", ".Sh DESCRIPTION"]
    out += prose("An error has a domain, a code in that domain, a short stable name for programs and a "
                 "text for people. HTTP statuses are results and not errors. See transfer_error(3).")
    out += [".Ss Transfers"]
    out += prose("Domain TRANSFER_DOMAIN_URL, on the bus and in JSON \"url\". The numbers are those of "
                 "NSURLError; those from -3100 on are ours.")
    rows = (("TRANSFER_ERROR_", listed(os.path.join(folder, "error.h"), "TRANSFER_ERRORS")),
            ("TRANSFER_BUS_ERROR_", listed(os.path.join(folder, "object.h"), "TRANSFER_BUS_ERRORS")))
    for prefix, codes in rows:
        if prefix == "TRANSFER_BUS_ERROR_":
            out += [".Ss Talking to transferd"]
            out += prose("Domain TRANSFER_DOMAIN_BUS. transferd cannot be reached, or refused what was asked.")
        out += [".Bl -tag -width Ds"]
        for symbol, number, name, text in codes:
            out += [f".It Sy {name} Pq {escape(number)}", escape(text[0].upper() + text[1:] + ".")]
            out += [f".Dv {prefix}{symbol}"]
        out += [".El"]
    out += [".Ss Files and memory"]
    out += prose("Domain TRANSFER_DOMAIN_POSIX. The code is an errno, the name its symbol.")
    out += [".Sh SEE ALSO", ".Xr transferctl 1 ,", ".Xr libtransfer 3 ,", ".Xr transfer_error 3"]
    return "\n".join(out) + "\n"


def main():
    if sys.argv[1:] == ["--list"]:
        print(" ".join([f"{x}.3" for x in PAGES] + [f"{ERRORS}.7"]))
        return
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, target = sys.argv[1:]
    os.makedirs(target, exist_ok=True)
    functions, types = read(folder)
    texts = {f"{x}.3": page(x, functions[x], types[x]) for x in PAGES}
    texts[f"{ERRORS}.7"] = errors(folder)
    for name, text in texts.items():
        with open(os.path.join(target, name), "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
