# SPDX-License-Identifier: MIT
"""What the interface XML says: reads it, checks it, and gives every value its C form.

The rules are in ipc/README.md. An element without documentation, an error that ipc/types.h
does not name or a type without a C form is refused.
"""
import re
import textwrap
import xml.etree.ElementTree as ET

NS = "org.transferd.Transfer1."
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
BASIC = {
    "t": ("uint64_t", "U64"), "x": ("int64_t", "I64"), "u": ("uint32_t", "U32"),
    "i": ("int32_t", "I32"), "b": ("bool", "BOOL"), "d": ("double", "DOUBLE"),
    "s": ("const char *", "STRING"), "o": ("struct ipc_path", "PATH"), "h": ("int", "FD"),
}
FIXED_ARRAYS = {
    "ay": ("const uint8_t *", "BYTES"), "as": ("const char *const *", "STRINGS"),
    "at": ("const uint64_t *", "NUMBERS"), "ah": ("const int *", "FDS"),
}
# Errors of the dispatcher itself: every method may return them.
IMPLICIT = ("AccessDenied", "NoSuchSession", "NoSuchTask", "InvalidArgs", "InvalidRequest",
            "LimitReached", "Busy", "NoSpace", "NoMemory")
EMITS_C = {"true": "TABLE_EMITS_VALUE", "invalidates": "TABLE_EMITS_NAME",
           "const": "TABLE_EMITS_NOTHING", "false": "TABLE_EMITS_NOTHING"}
# Arguments of delegate signals that are columns of the event, not keys of EventArgs.
EVENT_COLUMNS = ("seq", "task")
# Signals that carry delegate signals.
BATCHES = ("Events", "EventsFile")


class Refused(Exception):
    """The XML breaks a rule; the text says where."""


def snake(name):
    name = name.replace("USec", "Usec").replace("UID", "Uid").replace("-", "_")
    name = re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def split_signature(signature):
    """Complete types of a signature."""
    types, depth, begin = [], 0, 0
    for i, c in enumerate(signature):
        if c in "({":
            depth += 1
        elif c in ")}":
            depth -= 1
        if depth == 0 and c != "a":
            types.append(signature[begin:i + 1])
            begin = i + 1
    return types


class Field:
    """One value: an argument, a key, a property or a member of a D-Bus struct."""

    def __init__(self, name, signature, doc="", limit=0):
        self.name, self.signature, self.doc, self.limit = name, signature, doc, limit
        self.c = snake(name)
        self.type_name = None  # of the Struct or Dict
        self.kind = None

    def resolve(self, where, by_value):
        """by_value: a dictionary is embedded, not pointed to."""
        sig = self.signature
        if sig in BASIC:
            self.kind = BASIC[sig][1]
        elif sig in FIXED_ARRAYS:
            self.kind = FIXED_ARRAYS[sig][1]
        elif self.type_name is None:
            raise Refused(f"{where}: {self.name}: type {sig} needs a Struct or Dict")
        elif sig == "a{sv}":
            self.kind = "DICT" if by_value else "DICT_REF"
        elif sig == "aa{sv}":
            self.kind = "DICTS"
        elif sig.startswith("("):
            self.kind = "STRUCT"
        elif sig.startswith("a("):
            self.kind = "STRUCTS"
        else:
            raise Refused(f"{where}: {self.name}: no C form for type {sig}")

    def is_array(self):
        return self.kind in ("BYTES", "STRINGS", "NUMBERS", "FDS", "STRUCTS", "DICTS")

    def has_mark(self):
        """Needs a has_ member to be absent in a dictionary."""
        return not self.is_array() and self.kind not in ("STRING", "DICT_REF", "DICT")

    def declare(self, in_dict):
        if self.kind in ("STRUCT", "DICT"):
            text = f"struct {ctype(self.type_name)} {self.c};"
        elif self.kind == "DICT_REF":
            text = f"const struct {ctype(self.type_name)} *{self.c};"
        elif self.kind in ("STRUCTS", "DICTS"):
            text = f"const struct {ctype(self.type_name)} *{self.c};"
        else:
            base = (BASIC.get(self.signature) or FIXED_ARRAYS[self.signature])[0]
            text = f"{base}{'' if base.endswith('*') else ' '}{self.c};"
        if self.is_array():
            text += f"\n\tsize_t n_{self.c};"
        elif in_dict and self.has_mark():
            text += f"\n\tbool has_{self.c};"
        return "\t" + text

    def parameter(self):
        return self.declare(False).strip().rstrip(";")


def ctype(name):
    return "ipc_" + snake(name)


class Type:
    """A C struct with a codec table. form: args, struct, dict or properties."""

    def __init__(self, c, name, fields, form):
        self.c, self.name, self.fields, self.form = c, name, fields, form
        if len(fields) > 64:
            raise Refused(f"{name}: more than 64 fields")

    def needs(self):
        """Types that must be complete before this one."""
        return [ctype(f.type_name) for f in self.fields if f.kind in ("STRUCT", "DICT")]

    def emit_struct(self, out):
        out.append(f"struct {self.c} {{")
        for f in self.fields:
            if f.doc and self.form in ("dict", "properties"):
                out.append(f"\t/* {f.doc} */")
            out.append(f.declare(self.form == "dict"))
        out.append("};\n")

    def emit_table(self, out):
        label = self.c.removeprefix("ipc_")
        out.append(f"static const struct codec_field fields_{label}[] = {{")
        for f in self.fields:
            out.append("\t" + self.field_row(f))
        out.append("};\n")
        index = ""
        if self.form in ("dict", "properties"):
            factor, mask, table = perfect_hash([f.name for f in self.fields])
            rows = textwrap.fill(", ".join(map(str, table)), 90, initial_indent="\t",
                                 subsequent_indent="\t")
            out.append(f"static const uint8_t index_{label}[] = {{\n{rows}\n}};\n")
            index = f"\n\t.index = index_{label}, .hash_factor = {factor}u, .index_mask = {mask}u,"
        all_fields = "\n\t.all = true," if self.form == "properties" else ""
        out.append(f"""const struct codec_type ipc_type_{label} = {{
\t.name = "{self.name}", .fields = fields_{label}, .n_fields = {len(self.fields)},
\t.size_bytes = sizeof(struct {self.c}),{index}{all_fields}
}};
""")

    def field_row(self, f):
        mark = "CODEC_NO_MARK"
        if f.is_array():
            mark = f"offsetof(struct {self.c}, n_{f.c})"
        elif self.form == "dict" and f.has_mark():
            mark = f"offsetof(struct {self.c}, has_{f.c})"
        sub = f"&ipc_type_{snake(f.type_name)}" if f.type_name else "NULL"
        return (f'{{ "{f.name}", "{f.signature}", {sub}, {f.limit}, '
                f"offsetof(struct {self.c}, {f.c}), {mark}, CODEC_{f.kind} }},")


def hash_key(key, factor):
    h = 0
    for c in key.encode():
        h = (h + c) * factor & 0xffffffff
    return h ^ h >> 15


def perfect_hash(keys):
    size = 4
    while size < 2 * len(keys):
        size *= 2
    while size <= 1024:
        for factor in range(3, 20001, 2):
            places = [hash_key(k, factor) & (size - 1) for k in keys]
            if len(set(places)) == len(keys):
                table = [0] * size
                for number, place in enumerate(places):
                    table[place] = number + 1
                return factor, size - 1, table
        size *= 2
    raise Refused("no perfect hash for " + " ".join(keys))


class Member:
    """A method, signal or property."""

    def __init__(self, interface, element, doc):
        self.interface, self.name, self.doc = interface, element.get("name"), doc
        self.c = f"{interface.c}_{snake(self.name)}"
        self.facts = facts_of(element)
        self.ins, self.outs = [], []

    def signature(self, fields):
        return "".join(f.signature for f in fields)

    def access(self):
        return self.facts.get("Access", self.interface.facts.get("Access", "any"))


def facts_of(element):
    facts = {}
    for a in element.iter("annotation"):
        if a in list(element):
            name = a.get("name")
            facts[name[len(NS):] if name.startswith(NS) else name] = a.get("value")
    return facts


class Interface:
    def __init__(self, model, element, doc):
        self.model, self.name, self.doc = model, element.get("name"), doc
        self.element = element
        self.c = snake(self.name.rsplit(".", 1)[1])
        self.ours = self.name.startswith(NS)
        self.facts = facts_of(element)
        self.methods, self.signals, self.properties = [], [], []
        self.documented = {}
        for child, text in documented_children(element, self.name):
            self.add(child, text)

    def add(self, element, doc):
        where = f"{self.name}.{element.get('name')}"
        if element.tag == "annotation":
            return
        if not doc:
            raise Refused(f"{where}: not documented")
        member = Member(self, element, doc)
        if element.tag == "property":
            member.field = Field(element.get("name"), element.get("type"), doc)
            member.writable = element.get("access") == "readwrite"
            self.model.read_value(member.field, element, where, False)
            self.properties.append(member)
            return
        for arg, text in documented_children(element, where):
            if arg.tag == "arg":
                self.add_arg(member, element, arg, text)
        (self.methods if element.tag == "method" else self.signals).append(member)

    def add_arg(self, member, element, arg, doc):
        where = f"{self.name}.{member.name}"
        key = (arg.get("name"), arg.get("type"))
        doc = doc or self.documented.get(key)
        if not doc:
            raise Refused(f"{where}: argument {key[0]}: not documented")
        self.documented[key] = doc
        field = Field(key[0], key[1], doc)
        self.model.read_value(field, arg, where, element.tag == "method")
        is_out = element.tag == "method" and arg.get("direction") == "out"
        (member.outs if is_out else member.ins).append(field)


def documented_children(element, where):
    """(child, comment right before it or None)"""
    text = None
    for child in element:
        if child.tag is ET.Comment:
            if text is not None:
                raise Refused(f"{where}: comment without an element: {text}")
            text = " ".join(child.text.split())
        else:
            yield child, text
            text = None
    if text is not None:
        raise Refused(f"{where}: comment without an element: {text}")


class Model:
    """Everything the XML files say."""

    def __init__(self, errors):
        self.errors = errors  # last part of the D-Bus name -> C symbol
        self.types = {}       # C name -> Type
        self.interfaces = []
        self.pending = []     # fields to resolve: (field, where, by_value)

    def read_file(self, path):
        parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
        root = ET.parse(path, parser).getroot()
        for element, doc in documented_children(root, path):
            if not doc:
                raise Refused(f"{path}: {element.get('name')}: not documented")
            self.interfaces.append(Interface(self, element, doc))

    def read_value(self, field, element, where, by_value):
        """Annotations of an argument or property: what its C form is."""
        facts = facts_of(element)
        keys = []
        for a, doc in documented_children(element, where):
            name = a.get("name")
            if not name.startswith(NS + "Key."):
                continue
            key = name[len(NS + "Key."):]
            if not doc:
                raise Refused(f"{where}: key {key}: not documented")
            keys.append(self.read_key(key, a.get("value"), doc, where))
        field.limit = int(facts.get("Max", 0))
        if "Struct" in facts:
            field.type_name = self.define_struct(facts["Struct"], field.signature, where,
                                                 facts.get("Dict"))
        elif "Dict" in facts:
            field.type_name = facts["Dict"]
        if keys:
            self.add_type(facts["Dict"], keys, "dict", where)
        self.pending.append((field, where, by_value))

    def read_key(self, key, value, doc, where):
        m = re.fullmatch(r"(\S+?)(?: (\w+(?:\([\w,-]+\))?))?(?: max=(\d+))?", value)
        if not m:
            raise Refused(f"{where}: key {key}: cannot read '{value}'")
        field = Field(key, m[1], doc, int(m[3] or 0))
        if m[2]:
            is_struct = "(" in field.signature
            field.type_name = (self.define_struct(m[2], field.signature, where, None)
                               if is_struct else m[2])
        self.pending.append((field, where, False))
        return field

    def define_struct(self, text, signature, where, dict_name):
        m = re.fullmatch(r"(\w+)(?:\(([\w,-]+)\))?", text)
        name = m[1]
        if m[2]:
            inner = split_signature(signature.removeprefix("a")[1:-1])
            names = m[2].split(",")
            if len(inner) != len(names):
                raise Refused(f"{where}: {name} has {len(names)} names for {signature}")
            fields = [Field(n, s) for n, s in zip(names, inner)]
            for f in fields:
                if f.signature == "a{sv}":
                    f.type_name = dict_name
                self.pending.append((f, where, False))
            self.add_type(name, fields, "struct", where)
        return name

    def add_type(self, name, fields, form, where):
        c = ctype(name)
        if c in self.types:
            raise Refused(f"{where}: {name} is defined twice")
        self.types[c] = Type(c, name, fields, form)

    def finish(self):
        for field, where, by_value in self.pending:
            field.resolve(where, by_value)
            if field.type_name and ctype(field.type_name) not in self.types:
                raise Refused(f"{where}: {field.name}: nobody defines {field.type_name}")
        for i in self.interfaces:
            for m in i.methods:
                self.check_errors(m)
                for fields, end in ((m.ins, "in"), (m.outs, "out")):
                    if fields:
                        self.types[f"ipc_{m.c}_{end}"] = Type(
                            f"ipc_{m.c}_{end}", f"{m.name}.{end}", fields, "args")
            for s in i.signals:
                if s.name in BATCHES:
                    self.types[f"ipc_{s.c}"] = Type(f"ipc_{s.c}", s.name, s.ins, "args")
            if i.properties:
                c = f"ipc_{i.c}_properties"
                self.types[c] = Type(c, i.name, [p.field for p in i.properties], "properties")

    def check_errors(self, method):
        for name in method.facts.get("Error", "").split():
            if name not in self.errors:
                raise Refused(f"{method.c}: no error {name} in the list")

    def ordered_types(self):
        done, order = set(), []

        def visit(c):
            if c in done:
                return
            done.add(c)
            for n in self.types[c].needs():
                visit(n)
            order.append(self.types[c])
        for c in self.types:
            visit(c)
        return order

    def events(self):
        return [s for i in self.interfaces if i.c == "session" for s in i.signals
                if s.name not in BATCHES]


def read_errors(path):
    with open(path, encoding="utf-8") as f:
        found = re.findall(r'X\((\w+), (?:IPC_NAME )?"([\w.]+)"\)', f.read())
    return {name.rsplit(".", 1)[1]: symbol for symbol, name in found}
