"""Checks bundles.json with Debian's python3-cbor2: what the vectors say, and that it has this one encoding.

Prints how many vectors it has checked.
"""

import json
import sys

import cbor2


def plain(said):
    if isinstance(said, dict):
        return bytes.fromhex(said["hex"])
    if isinstance(said, list):
        return [plain(each) for each in said]
    return said


def check(value, encoded, what):
    assert cbor2.loads(encoded) == value, f"{what}: says something else"
    assert cbor2.dumps(value, canonical=True) == encoded, f"{what}: has another encoding"


def check_bpv7(vector, body):
    blocks = cbor2.loads(bytes.fromhex(vector["bpv7"]))
    primary, age, omerta, payload = blocks
    # RFC 9171, section 4.3: version, flags, CRC type, destination, source, report-to, creation, lifetime, CRC.
    assert primary[:3] == [7, 4, 2], "primary"
    assert primary[4] == [1, f"//{vector['key']}.omerta/"], "source"
    assert primary[5] == [1, 0], "report-to"
    assert primary[7] == vector["bundleSays"][7] * 1000, "lifetime"
    assert age[:4] == [7, 2, 1, 2] and cbor2.loads(age[4]) == vector["ageMs"], "age"
    assert omerta[:4] == [192, 3, 1, 2], "omerta"
    assert payload[:5] == [1, 1, 0, 2, body], "payload"
    again = b"\x9f" + b"".join(cbor2.dumps(block, canonical=True) for block in blocks) + b"\xff"
    assert again.hex() == vector["bpv7"], "has another encoding"


vectors = json.load(open(sys.argv[1], encoding="utf-8"))
for vector in vectors:
    body = bytes.fromhex(vector["body"])
    says = plain(vector["bundleSays"])
    check(says, bytes.fromhex(vector["bundle"]), vector["name"])
    signature = bytes.fromhex(vector["signature"])
    named = says[: -1 if signature else None]
    assert says == named + ([signature] if signature else []), vector["name"]
    domain = b"omerta-box bundle 1\0" if signature else b"omerta-box bundle without signature 1\0"
    assert bytes.fromhex(vector["named"]) == domain + cbor2.dumps(named, canonical=True), vector["name"]
    assert named[-1] == body, vector["name"]
    if isinstance(vector["bodySays"], list):
        check(plain(vector["bodySays"]), body, vector["name"] + ", body")
    check_bpv7(vector, body)
print(len(vectors))
