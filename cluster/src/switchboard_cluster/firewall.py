"""Finds packet filters of the host that may block its own traffic to a cluster. It changes no rules."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

from switchboard_cluster.system import run

# The host is a neighbor of the nodes, not a router: its traffic to and from them does not pass the forward hook.
_HOOKS = {"prerouting", "input", "output", "postrouting"}
_POLICY = re.compile(r":(?P<chain>[A-Z]+) DROP\b")
_RULE = re.compile(r"-A (?P<chain>[A-Z]+) (.* )?-j (DROP|REJECT)\b")


def host_chains() -> list[str]:
    """Return the chains that may drop or reject the host's own traffic, each with its table and the reason.

    Without the program `nft`, only tables that iptables manages are visible.
    """
    found = iptables_chains("legacy", _listed("iptables-legacy-save"))
    if shutil.which("nft"):
        return found + nft_chains(json.loads(_listed("nft", "--json", "list", "ruleset") or "{}"))
    return found + iptables_chains("nft", _listed("iptables-nft-save"))


def _listed(*argv: str) -> str:
    return run(argv, check=False).stdout if shutil.which(argv[0]) else ""


def iptables_chains(backend: str, saved: str) -> list[str]:
    """Return the blocking chains in the output of `iptables-save` of a backend (`legacy` or `nft`)."""
    table, found = "", dict[str, None]()
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        for pattern, why in ((_POLICY, "policy DROP"), (_RULE, "has DROP or REJECT rules")):
            match = pattern.match(line)
            if match and match["chain"].lower() in _HOOKS:
                found[f"iptables ({backend}) {table} {match['chain']}: {why}"] = None
    return list(found)


def nft_chains(ruleset: dict[str, Any]) -> list[str]:
    """Return the blocking chains in the output of `nft --json list ruleset` (libnftables-json(5))."""
    entries = ruleset.get("nftables", [])
    hooked = {_key(one["chain"], "name") for one in entries if one.get("chain", {}).get("hook") in _HOOKS}
    found = dict[str, None]()
    for entry in entries:
        chain, rule = entry.get("chain", {}), entry.get("rule", {})
        if chain.get("hook") in _HOOKS and chain.get("policy") == "drop":
            found[f"nft {_key(chain, 'name')}: policy drop"] = None
        if rule and _key(rule, "chain") in hooked and any({"drop", "reject"} & set(part) for part in rule["expr"]):
            found[f"nft {_key(rule, 'chain')}: has drop or reject rules"] = None
    return list(found)


def _key(entry: dict[str, Any], chain: str) -> str:
    return f"{entry['family']} {entry['table']} {entry[chain]}"
