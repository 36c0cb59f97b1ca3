"""Rules about what code may do where: environment, addresses, vendors, imports, exceptions, globals, waiting."""

import ast
import re
from collections.abc import Iterator

from tests.house.source import Finding, Source, functions, strings

VENDORS = re.compile(
    r"(?<![a-z])(openai|anthropic|deepseek|gemini|google|mistral|openrouter|groq|xai|grok|minimax|dashscope|qwen"
    r"|cerebras|fireworks|together_?ai)(?![a-z0-9])",  # with a digit behind it, it is a model's architecture
    re.IGNORECASE,
)
VENDORS_MAY = ("providers/", "wire/", "core/wires.py")
NO_VENDOR = re.compile(r"openai-compatible|openai_compatible", re.IGNORECASE)
ADDRESS = re.compile(r"https?://[A-Za-z0-9\[](?![\w.-]*\.invalid)")  # .invalid is nobody's, by RFC 2606
ADDRESSES_MAY = ("providers/", "registry/", "settings.py")
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})
BUILDERS = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter", "WeakSet"})
CHANGES = frozenset({"append", "add", "update", "extend", "insert", "setdefault", "pop", "clear", "remove", "popitem"})


def vendor_names(source: Source) -> Iterator[Finding]:
    """Code asks the matrix or a row, never a vendor's name."""
    if not source.ours or source.ours.startswith(VENDORS_MAY):
        return
    for line, text in strings(source.tree):
        if (found := VENDORS.search(NO_VENDOR.sub("", text))) and not source.explained(line, "client:"):
            yield Finding(line, f"the name '{found[0]}' belongs in providers/ or wire/")


def environment(source: Source) -> Iterator[Finding]:
    """settings.py reads the environment once and hands it on."""
    if not source.ours or source.ours == "settings.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and ast.unparse(node.value) == "os":
            yield Finding(node.lineno, f"os.{node.attr} outside settings.py")
        if isinstance(node, ast.ImportFrom) and node.module == "os" and {n.name for n in node.names} & ENVIRONMENT:
            yield Finding(node.lineno, "the environment is imported outside settings.py")


def base_urls(source: Source) -> Iterator[Finding]:
    """Only the registry and the providers' rows turn a name into an address."""
    if not source.ours or source.ours.startswith(ADDRESSES_MAY):
        return
    for line, text in strings(source.tree):
        if ADDRESS.search(text) and not source.explained(line, "link:"):
            yield Finding(line, f"an address outside registry/ and providers/: {text[:60]!r}")


def sleeping_tests(source: Source) -> Iterator[Finding]:
    """A test waits for the thing itself, with a deadline."""
    if source.is_test:
        yield from uses(source, "time", "sleep")


def mocks(source: Source) -> Iterator[Finding]:
    """A mock proves that a call was made, not that it works."""
    yield from uses(source, "unittest", "mock")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest.mock"):
            yield Finding(node.lineno, "unittest.mock")
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield Finding(node.lineno, "pytest-mock's fixture")


def uses(source: Source, module: str, name: str) -> Iterator[Finding]:
    """Where `module.name` is used or imported."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == name and ast.unparse(node.value) == module:
            yield Finding(node.lineno, f"{module}.{name}")
        if isinstance(node, ast.ImportFrom) and node.module == module and name in {n.name for n in node.names}:
            yield Finding(node.lineno, f"{module}.{name}")
        if isinstance(node, ast.Import) and f"{module}.{name}" in {n.name for n in node.names}:
            yield Finding(node.lineno, f"{module}.{name}")


def late_imports(source: Source) -> Iterator[Finding]:
    """Late imports hide circles; those that start-up time needs say so."""
    for function in functions(source.tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom) and not source.explained(node.lineno, "lazy:"):
                yield Finding(node.lineno, f"import inside {function.name} without `# lazy: reason`")


def broad_excepts(source: Source) -> Iterator[Finding]:
    """What catches everything hides everything; the few edges that must give their reason."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = (
            {"BaseException"} if node.type is None else {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
        )
        if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
            continue  # it cleans up and lets the error go on
        if caught & {"Exception", "BaseException"} and not any(source.explained(line) for line in header(node)):
            yield Finding(node.lineno, "a broad except without a comment that gives the reason")


def header(node: ast.ExceptHandler) -> range:
    """The lines from `except` to its first statement."""
    return range(node.lineno, node.body[0].lineno + 1)


def global_statements(source: Source) -> Iterator[Finding]:
    """State has an owner, and the owner is an object."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield Finding(node.lineno, f"global {', '.join(node.names)}")


def mutable_globals(source: Source) -> Iterator[Finding]:
    """A module-level container is a constant: named like one, and never changed by a function."""
    constants: set[str] = set()
    for node in source.tree.body:
        for name in containers(node):
            constants.add(name)
            if not name.isupper() and name != "__all__":
                yield Finding(node.lineno, f"'{name}' is a mutable global")
    for function in functions(source.tree):
        own = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
        for node in ast.walk(function):
            if (name := changed(node)) in constants - own:
                yield Finding(
                    node.lineno if hasattr(node, "lineno") else function.lineno, f"{function.name} changes '{name}'"
                )


def containers(node: ast.stmt) -> Iterator[str]:
    """Names that a module-level statement binds to a list, dict, set or the like."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return
    value = node.value
    made = isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2].partition("[")[0] in BUILDERS
    if made or isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def changed(node: ast.AST) -> str | None:
    """The name of the container that a node changes: name[...] = x, del name[...], name.append(x)."""
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
        return node.value.id
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
        return node.func.value.id if isinstance(node.func.value, ast.Name) else None
    return None


def any_types(source: Source) -> Iterator[Finding]:
    """`Any` ends what the type checker can know; wires meet foreign JSON and may use it."""
    if not source.ours or source.ours.startswith("wire/"):
        return
    for node in ast.walk(source.tree):
        named = isinstance(node, ast.ImportFrom) and node.module == "typing" and "Any" in {n.name for n in node.names}
        if named and not source.explained(node.lineno, "edge:"):
            yield Finding(node.lineno, "Any outside wire/ without `# edge: reason`")


def slotted_records(source: Source) -> Iterator[Finding]:
    """A record has the fields that it declares, and no others."""
    if not source.ours:
        return
    for node in ast.walk(source.tree):
        for mark in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            text = ast.unparse(mark)
            if text.removeprefix("dataclasses.").startswith("dataclass") and "slots=True" not in text:
                yield Finding(mark.lineno, "a dataclass without slots=True")
