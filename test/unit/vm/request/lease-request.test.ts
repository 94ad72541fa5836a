import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type LeaseRequest, LeaseRequestError, parseLeaseRequest } from "../../../../src/vm/request/index.ts";
import { ED25519, fixedRequest } from "./fixed-request.ts";

/** The plain form with one field at a path, such as `tunnel.dns`, changed, added or (undefined) taken out. */
function changed(path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(fixedRequest());
  const names = path.split(".");
  const last = names.pop() ?? "";
  const holder = names.reduce<unknown>((at, name) => Reflect.get(Object(at), name), copy);
  Reflect.set(Object(holder), last, value);
  return copy;
}

function problemOf(value: unknown): { field: string; why: string } {
  try {
    parseLeaseRequest(value);
  } catch (error) {
    if (error instanceof LeaseRequestError) return { field: error.field, why: error.why };
    throw error;
  }
  return { field: "", why: "it was taken" };
}

const refuses = (path: string, values: readonly unknown[], words = "") => {
  for (const value of values) {
    const { field, why } = problemOf(changed(path, value));
    expect({ value, field }).toEqual({ value, field: `request.${path}` });
    expect(why).toContain(words);
  }
};

describe("a request in its plain form", () => {
  test("is what it says, and nothing else", () => {
    expect(parseLeaseRequest(fixedRequest())).toEqual(fixedRequest());
    expect(parseLeaseRequest(JSON.parse(JSON.stringify(fixedRequest())))).toEqual(fixedRequest());
  });

  test("is a new object, so that nobody changes it after it was checked", () => {
    const given = fixedRequest();
    const request = parseLeaseRequest(given);
    given.resources.cpus = 99;
    given.tunnel.address = "127.0.0.1";
    expect(request).toEqual(fixedRequest());
  });

  test("may lack what may be undefined, and be of a stranger with the least of everything", () => {
    const { publicKey, address } = fixedRequest().tunnel;
    const { network: _, ...rest } = fixedRequest({ activity: "" });
    const least = {
      ...rest,
      resources: { cpus: 1, memoryMiB: 1, diskMiB: 0 },
      tunnel: { publicKey, address },
    };
    const expected: LeaseRequest = {
      ...fixedRequest({ activity: "" }),
      network: undefined,
      resources: { cpus: 1, memoryMiB: 1, diskMiB: 0, upKbit: undefined, downKbit: undefined },
      tunnel: { publicKey, address, endpoint: undefined, dns: undefined },
    };
    expect(parseLeaseRequest(least)).toEqual(expected);
  });

  test("is nothing but a table", () => {
    for (const value of [undefined, null, 5, "text", [], [fixedRequest()]]) {
      expect(problemOf(value)).toEqual({ field: "request", why: "is no table" });
    }
  });

  test("names a field that is missing, wherever it is", () => {
    for (const path of [
      ...["id", "requester", "resources", "durationS", "image", "activity", "sshKey", "tunnel"],
      ...["acceptsInspection", "createdAt", "resources.cpus", "resources.memoryMiB", "resources.diskMiB"],
      ...["tunnel.publicKey", "tunnel.address", "tunnel.endpoint.address", "tunnel.endpoint.port"],
    ]) {
      const expected = { field: `request.${path}`, why: "is missing" };
      expect(problemOf(changed(path, undefined))).toEqual(expected);
    }
  });

  test("names a field that is not known, wherever it is, and shows no more than its beginning", () => {
    for (const path of ["user", "resources.gpu", "tunnel.mtu", "tunnel.endpoint.name", "__defineGetter__"]) {
      expect(problemOf(changed(path, 1))).toEqual({ field: `request.${path}`, why: "is not known here" });
    }
    expect(problemOf(changed("x".repeat(5_000), 1)).field).toBe(`request.${"x".repeat(40)}`);
  });

  test("has an id that can be part of a path, a name and a rule", () => {
    refuses("id", [
      "",
      "0".repeat(31),
      "0".repeat(33),
      "A".repeat(32),
      `../${"0".repeat(29)}`,
      `${"0".repeat(32)}\n`,
      5,
    ]);
  });

  test("has keys and networks in their one form", () => {
    refuses("requester", ["", "0".repeat(63), "A".repeat(64), `0x${"0".repeat(62)}`, null]);
    refuses("network", ["", "0".repeat(15), "G".repeat(16), "0".repeat(17), 7]);
  });

  test("asks for whole numbers of things within what there can be", () => {
    const never = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, "1", [1], true];
    for (const field of ["cpus", "memoryMiB", "upKbit", "downKbit"])
      refuses(`resources.${field}`, [0, ...never]);
    refuses("resources.diskMiB", never);
    refuses("resources.cpus", [257], "from 1 to 256");
    refuses("durationS", [0, 30 * 86_400 + 1, ...never]);
    refuses("createdAt", never);
  });

  test("names an image that is no path", () => {
    for (const name of ["a", "debian-12", "alpine-3.20", "x".repeat(32)]) {
      expect(problemOf(changed("image", name)).why).toBe("it was taken");
    }
    const bad = [
      "",
      ".",
      "..",
      ".hidden",
      "a/b",
      "../a",
      "-a",
      "A",
      "a b",
      "a\0",
      "a\n",
      "x".repeat(33),
      "ä",
    ];
    refuses("image", bad);
  });

  test("has words that can be shown, in any script, 500 characters at most", () => {
    for (const words of [
      "",
      "Zähle Reiher",
      "鷺を数える",
      "عدّ طيور البلشون",
      "😀".repeat(500),
      "<b>&amp; ]]> $(id) `id`",
    ]) {
      expect(parseLeaseRequest(changed("activity", words)).activity).toBe(words);
    }
    refuses("activity", ["x".repeat(501), "😀".repeat(501), "x".repeat(100_000)], "more than 500");
    refuses(
      "activity",
      ["a\nb", "a\0b", "\u001b[2J", "a\u202eb", "a\u2028b", "\ud800", "a\u0085b"],
      "cannot be shown",
    );
    refuses("activity", [5, null, ["a"]]);
  });

  test("has one SSH key, whose comment is dropped", () => {
    expect(parseLeaseRequest(changed("sshKey", `${ED25519} ana@quay`)).sshKey).toBe(ED25519);
    refuses("sshKey", [`${ED25519}\n`, `no-pty ${ED25519}`, "", "ssh-rsa AAAA", 5]);
  });

  test("agrees or does not, and nothing between", () => {
    refuses("acceptsInspection", ["true", 1, 0, null]);
  });
});

describe("the tunnel of a request", () => {
  const base64 = (key: string) => Buffer.from(key, "hex").toString("base64");

  test("has a WireGuard key of 32 bytes in the one form of base64", () => {
    const good = fixedRequest().tunnel.publicKey;
    const wrong = [
      "",
      good.slice(0, -1),
      `${good}=`,
      ` ${good}`,
      `${good}\n`,
      good.replace("CE=", "CF="),
      "A".repeat(44),
      5,
    ];
    refuses("tunnel.publicKey", wrong);
    refuses("tunnel.publicKey", [
      Buffer.alloc(31, 9).toString("base64"),
      Buffer.alloc(33, 9).toString("base64"),
    ]);
  });

  // https://cr.yp.to/ecdh.html, "How do I validate Curve25519 public keys?"
  test.each([
    ["0", "00".repeat(32)],
    ["1", `01${"00".repeat(31)}`],
    ["a point of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
    ["the other point of order 8", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"],
    ["p - 1", `ec${"ff".repeat(30)}7f`],
    ["p", `ed${"ff".repeat(30)}7f`],
    ["p + 1", `ee${"ff".repeat(30)}7f`],
    ["0 with the bit that is ignored", `${"00".repeat(31)}80`],
  ])("has no key with which nothing is secret: %s", (_, key) => {
    refuses("tunnel.publicKey", [base64(key)], "low order");
  });

  test("ends at an address that is one host's, in the one form of it", () => {
    const at = (address: string) =>
      parseLeaseRequest(changed("tunnel.endpoint.address", address)).tunnel.endpoint?.address;
    expect(at("198.51.100.7")).toBe("198.51.100.7");
    expect(at("192.168.7.20")).toBe("192.168.7.20");
    expect(at("2001:DB8:0:0::07")).toBe("2001:db8::7");
    expect(at("fd00::1")).toBe("fd00::1");
    refuses("tunnel.endpoint.address", [
      ...[
        "",
        "box.example.org",
        "198.51.100.07",
        "198.51.100",
        "1",
        "0x7f.1",
        "198.51.100.7/32",
        " 198.51.100.7",
      ],
      ...[
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.251",
        "255.255.255.255",
        "240.0.0.1",
        "169.254.169.254",
      ],
      ...["::", "::1", "ff02::1", "fe80::1", "fe80::1%eth0", "2001:db8::7%eth0", "[2001:db8::7]"],
      ...["::ffff:127.0.0.1", "::ffff:198.51.100.7", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", 5],
    ]);
  });

  test("ends at a port", () => {
    refuses("tunnel.endpoint.port", [0, 65_536, -1, "51820", 1.5]);
    refuses("tunnel.endpoint", ["198.51.100.7:51820", null, []]);
  });

  test("has private IPv4 addresses inside, and none of the machine's own link", () => {
    const good = [
      "10.0.0.1",
      "10.0.1.255",
      "10.0.3.0",
      "172.16.0.1",
      "172.31.255.254",
      "192.168.0.9",
      "100.64.0.1",
      "100.127.9.9",
    ];
    for (const address of good) {
      expect(problemOf(changed("tunnel.address", address)).why).toBe("it was taken");
      expect(problemOf(changed("tunnel.dns", address)).why).toBe("it was taken");
    }
    for (const path of ["tunnel.address", "tunnel.dns"]) {
      refuses(path, ["10.0.2.0", "10.0.2.2", "10.0.2.15", "10.0.2.255"], "the machine's own link");
      refuses(path, [
        ...[
          "",
          "8.8.8.8",
          "127.0.0.1",
          "169.254.1.1",
          "172.15.0.1",
          "172.32.0.1",
          "100.63.0.1",
          "100.128.0.1",
        ],
        ...[
          "192.169.0.1",
          "11.0.0.1",
          "10.0.0.1/24",
          "010.0.0.1",
          "fd00::1",
          "::ffff:10.0.0.1",
          "0.0.0.0",
          5,
        ],
      ]);
    }
  });

  test("has a name server that is not the machine itself", () => {
    refuses("tunnel.dns", ["10.77.0.2"], "is the machine itself");
  });
});

describe("whatever is given as a request", () => {
  test("is refused with a field named, or comes out as a request that stays as it is", () => {
    const path = fc.constantFrom(
      ...[
        "id",
        "requester",
        "network",
        "resources",
        "resources.cpus",
        "durationS",
        "image",
        "activity",
        "sshKey",
      ],
      ...[
        "tunnel",
        "tunnel.publicKey",
        "tunnel.endpoint",
        "tunnel.endpoint.address",
        "tunnel.address",
        "tunnel.dns",
      ],
      ...["acceptsInspection", "createdAt", "constructor", "toString"],
    );
    const value = fc.oneof(
      fc.anything(),
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.integer(),
      fc.ipV4(),
      fc.ipV6(),
      fc.stringMatching(/^[0-9a-f]{32}$/),
    );
    const check = (given: unknown) => {
      try {
        const request = parseLeaseRequest(given);
        expect(parseLeaseRequest(request)).toEqual(request);
      } catch (error) {
        if (!(error instanceof LeaseRequestError)) throw error;
        expect(error.field).toStartWith("request");
        expect(error.message.length).toBeLessThan(300);
      }
    };
    fc.assert(
      fc.property(path, value, (at, what) => check(changed(at, what))),
      { numRuns: 800 },
    );
    fc.assert(fc.property(fc.anything(), check), { numRuns: 400 });
  });
});
