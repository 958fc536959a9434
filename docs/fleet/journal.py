#!/usr/bin/env python3
"""A journal of an invented site, for docs/fleet/check: journal.py ITEMS [SEED]"""
import datetime
import hashlib
import json
import random
import sys

HOSTILE = "tcp:10.9.9.9:4194</script><img src=x onerror=alert(1)>\u202e\u001b[2J"
SITES = ["north", "south", "lab", "harbour", "attic"]
CLASSES = [("gpu", 0.45), ("ssd", 0.3), ("nic", 0.2), ("root-of-trust", 0.05)]


def main():
    items, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 7
    chance = random.Random(seed)
    start = datetime.datetime(2026, 11, 30, 2, 0, tzinfo=datetime.timezone.utc)
    digest = hashlib.sha256(b"site").hexdigest()
    print(line({"schema": 1, "job": {"name": "nightly-2026-11-30", "digest": digest}, "items": items, "started": time(start, 0)}))
    lines = []
    for number in range(items):
        lines += outcomes(number, start, chance, items)
    lines.sort(key=lambda outcome: outcome["finished"])
    for outcome in lines:
        print(line(outcome))


def line(value):
    return json.dumps(value, separators=(",", ":"))


def time(start, ms):
    return (start + datetime.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def outcomes(number, start, chance, items):
    """What is written about one item: its attempts."""
    kind = chance.choices([name for name, _ in CLASSES], [share for _, share in CLASSES])[0]
    site = SITES[min(int(chance.expovariate(0.7)), len(SITES) - 1)]
    rack, host = f"r{number % 40:02}", f"10.{SITES.index(site)}.{number // 200 % 250}.{number % 200}"
    target = HOSTILE if number == 3 else f"tcp:{host}:{4194 + number % 4}"
    item = "sha256:" + hashlib.sha256(f"nightly\0{target}\0{kind}".encode()).hexdigest()
    base = {"schema": 1, "job": "nightly-2026-11-30", "item": item, "target": target, "class": kind, "host": host, "labels": {"site": site, "rack": rack}}
    due, attempts = chance.randrange(0, max(items * 9, 1000)), []
    fails = 1 if number == 3 else chance.random()
    # A bad rack at one site, a firmware that was rolled out to some, and what goes wrong anywhere.
    unreachable = (site == "harbour" and rack == "r07") or fails < 0.004
    tries = 3 if unreachable else (2 if chance.random() < 0.02 else 1)
    for attempt in range(1, tries + 1):
        last = attempt == tries
        device = 30000 if unreachable or not last else int(chance.lognormvariate(5.2 if kind == "gpu" else 4.1, 0.55))
        if unreachable or not last:
            result = ("unreachable", "transport", {"check": "connection", "index": None, "detail": f"{host}: no answer within 30 s"}, None)
        else:
            result = judged(number, kind, site, fails, chance)
        outcome, fault, reason, report = result
        queued, verify = chance.randrange(0, 40), 0 if outcome == "unreachable" else chance.randrange(1, 5)
        begin = due + queued
        end = begin + device + verify
        inputs = {"policy_sha256": None, "references_sha256": None, "anchors_sha256": hashlib.sha256(b"anchors").hexdigest(), "tool": "0.1.0", "at": time(start, 0)}
        attempts.append(base | {
            "attempt": attempt, "outcome": outcome, "final": last, "fault": fault, "reason": reason, "report": report, "evidence": None, "inputs": inputs,
            "started": time(start, begin), "finished": time(start, end), "ms": {"queued": queued, "device": device, "verify": verify},
            "round_trips": 0 if outcome == "unreachable" else 9, "worker": "collector-1/4711"})
        due = end + 1000 * 2 ** attempt
    return attempts


def judged(number, kind, site, fails, chance):
    """Outcome, fault, reason and report of an attempt that was answered."""
    if number == 3:
        return rejected("chain.anchor", "device", f"the root CN={HOSTILE} is trusted by nobody", None, number)
    if kind == "gpu" and site in ("north", "south") and fails < 0.03:
        got, expected = digest_of("gpu firmware 96.00.5E"), digest_of("gpu firmware 96.00.74")
        row = {"index": 2, "type": "mutable_firmware", "raw": False, "value": got, "text": None, "svn": None, "device_mode": None, "reference": "mismatch",
               "expected": [{"form": "digest", "value": got[:24] + expected[24:40] + got[40:], "algorithm": "SHA_384", "mask": None, "difference": "another digest",
                             "origin": {"file": "gpu-96.00.74.cbor", "tag": 0, "triple": 1, "signer": "ACME RIM signing"}}]}
        rows = [row]
        if chance.random() < 0.4:
            rows.append(row | {"index": 16, "type": "firmware_security_version", "raw": True, "value": "0600000000000000", "svn": 6,
                               "expected": [row["expected"][0] | {"form": "min_svn", "value": "7", "algorithm": None}]})
        return rejected("measurements.reference", "reference", f"measurement 2 (mutable_firmware) is {got}, but another value is expected", rows, number, index=2)
    if fails > 0.9965:
        return rejected("challenge.signature", "device", "the signature of CHALLENGE_AUTH does not verify", None, number)
    if kind == "root-of-trust" and fails > 0.98:
        return "undecidable", "configuration", {"check": "profile", "index": None, "detail": "no profile of the class root-of-trust, and no default"}, None
    if fails > 0.995:
        return "device_error", "device", {"check": "protocol", "index": None, "detail": "CHALLENGE_AUTH.SlotMask: 0 does not hold the slot that answers"}, None
    return "verified", "none", None, None


def digest_of(text):
    return hashlib.sha384(text.encode()).hexdigest()


def rejected(check, fault, detail, rows, number, index=None):
    name = HOSTILE if number == 3 else f"CN=ACME device {number:06}"
    report = {"schema": 1, "verified": False, "checks": [{"check": "chain.format", "status": "pass", "detail": "holds"}, {"check": check, "status": "fail", "detail": detail}],
              "identity": {"subject": name, "serial": f"{number:016x}", "san": [], "root_sha256": hashlib.sha256(b"root").hexdigest()}, "measurements": rows or []}
    return "rejected", fault, {"check": check, "index": index, "detail": detail}, report


main()
