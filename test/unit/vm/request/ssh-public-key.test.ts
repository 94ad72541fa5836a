import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { plainSshKey, SshKeyError, sshKeyOfBlob } from "../../../../src/vm/request/ssh-public-key.ts";
import { ED25519 } from "./fixed-request.ts";

/** Made by ssh-keygen of OpenSSH 9.2. */
const MADE = {
  ED25519,
  "P-256":
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKasTCR11tz3Z5IxUBcubH7LcLHEA5Tsmt8LLWwviwxrW/lGweUtGpmgzVVPI7dANKun2sMGGqC1jQMS/MUhjrg=",
  "P-384":
    "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBPx2vv1qlRGDeOfM2XEf8VqofSleXGP3lvF0KXgifWCEnjteCmDkEBjrA7LGyCBL9i/VVi5Ka2Tz3JSADNFEyIjIDPaouM8uWQ3h72v6iVaN8tZGOZsIjIGNfiuicfF27w==",
  "P-521":
    "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAGxdl7TmaRFAHmjRFvQQaMUToIKKfxj3EJMSmWA58hzcBrIY74GKbN/w2gwZadb/Tcf52udgx/NCeP1iqhlUn9ZZQFMbHp0mFgSLLEhaePPtaC1nDCVBKQeXZaDqOe+uyJ4TBGOBP57JwXgVY8cXebOVuYYrLGYhtINmqMza/Pr6Mo9vg==",
  "RSA of 2048 bits":
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC0fkRRqh8HFHP9f3GWNlrPPvZyYh6oo4saNPsX25xb1lb/JXGAg9ppW5NxBYZYr1GczxNEjQX+b4aC3Nozf/IGa5coSVymeW1egsD1a+UKPRkD9JMqanPC6XGba0ed4k6y7rnpiC5vLthyiguQSp0634e1cObqjcNsAy+xrImQUZTAOqqhoY4t0NlQz/GvSyrsqmt3RlHJe3jaGFMrSdLNtmflBM4+UkrCDW6Gv1Zq/Ok0nYqMqzAs1hH9obG2RCR3nzKz2GdDXTOJqhhKI94PaaROzds1c+huuv1/gJNqCeHtZZH5dtaoA14NS3EUXqW6OGaOZYlDUcL0aDCzDrlr",
};
/** The same program's, but shorter than is safe. */
const RSA_1024 =
  "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDJsoVeaBvHtQv0QeAAlt0ggpwQQO32D3hI9rVQcaLLtrY5tT1dXb0zXMAW+ol0EBsF400eHO+nR8LoKbD3j1eHqngnLNA0MAGlSxUUQRRSokaZYKtCvjUFJZOQAG9BPRaAgRKpm0zuAxpTaL97sEyPbQpF5/KMhFzLH9dBNfT4oQ==";

type Part = string | Uint8Array | readonly number[];

/** A blob of strings as RFC 4251, section 5, writes them. */
function blobOf(...parts: readonly Part[]): Uint8Array {
  const strings = parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part)));
  const length = (bytes: Uint8Array) => {
    const four = Buffer.alloc(4);
    four.writeUInt32BE(bytes.length);
    return four;
  };
  return Uint8Array.from(Buffer.concat(strings.flatMap((bytes) => [length(bytes), bytes])));
}

/** An odd number of so many bits, as an mpint. Whether it is a product of two primes nobody looks. */
function numberOf(bits: number): number[] {
  const bytes = new Array<number>(Math.ceil(bits / 8)).fill(0x5b);
  bytes[0] = 1 << ((bits - 1) % 8);
  return bits % 8 === 0 ? [0, ...bytes] : bytes;
}

const rsa = (bits: number, exponent: readonly number[] = [1, 0, 1]) =>
  blobOf("ssh-rsa", exponent, numberOf(bits));
const pointOf = (line: string) => Buffer.from(line.split(" ")[1] ?? "", "base64").subarray(39);
const why = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    if (error instanceof SshKeyError) return error.message;
    throw error;
  }
  return "it was taken";
};

describe("an SSH public key", () => {
  test.each(Object.entries(MADE))("of type %s is taken as ssh-keygen writes it", (_, line) => {
    expect(plainSshKey(line)).toBe(line);
  });

  test("loses its comment", () => {
    for (const comment of [" ana@quay", " ", " die Nächste in der Küche", " a b c"]) {
      expect(plainSshKey(`${ED25519}${comment}`)).toBe(ED25519);
    }
  });

  test.each([
    ["an option before it", `command="id" ${ED25519}`],
    ["another option before it", `no-pty ${ED25519}`],
    ["a second line", `${ED25519}\nssh-ed25519 AAAA`],
    ["a line end behind it", `${ED25519}\n`],
    ["a carriage return in its comment", `${ED25519} a\rb`],
    ["a line separator of Unicode in its comment", `${ED25519} a\u2028b`],
    ["a zero byte", `${ED25519} a\0b`],
    ["a space before it", ` ${ED25519}`],
    ["two spaces in it", ED25519.replace(" ", "  ")],
    ["a tab in it", ED25519.replace(" ", "\t")],
    ["no base64", "ssh-ed25519 "],
    ["nothing at all", ""],
    ["a private key's first line", "-----BEGIN OPENSSH PRIVATE KEY-----"],
  ])("is refused with %s", (_, line) => {
    expect(why(() => plainSshKey(line))).toBe("is not one line of type, base64 and perhaps a comment");
  });

  test("is refused when its base64 has another form than the one", () => {
    const p521 = MADE["P-521"];
    for (const line of [p521.replace("==", ""), p521.replace("vg==", "vh=="), `${ED25519}=`]) {
      expect(why(() => plainSshKey(line))).toBe("is not in the one form of base64");
    }
  });

  test("is refused when it says another type than it is", () => {
    const blob = ED25519.split(" ")[1];
    expect(why(() => plainSshKey(`ssh-rsa ${blob}`))).toBe("is of another type than it says");
  });

  test("is refused when it is longer than any may be", () => {
    expect(why(() => plainSshKey(`${ED25519} ${"x".repeat(2_000)}`))).toBe("has more than 2000 characters");
    expect(why(() => sshKeyOfBlob(new Uint8Array(1_101)))).toBe("has more than 1100 bytes");
  });

  test("of RSA has 2048 to 8192 bits", () => {
    expect(why(() => plainSshKey(RSA_1024))).toBe("has 1024 bits, not 2048 to 8192");
    expect(why(() => sshKeyOfBlob(rsa(2_047)))).toBe("has 2047 bits, not 2048 to 8192");
    expect(why(() => sshKeyOfBlob(rsa(8_193)))).toBe("has 8193 bits, not 2048 to 8192");
    for (const bits of [2_048, 2_049, 3_072, 8_192]) expect(sshKeyOfBlob(rsa(bits))).toStartWith("ssh-rsa ");
  });

  test("of RSA that is as long as may be fits into a line", () => {
    const line = sshKeyOfBlob(rsa(8_192, [0x7f, 1, 1, 1, 1, 1, 1, 1]));
    expect(plainSshKey(line)).toBe(line);
  });

  test.each([
    ["the exponent 1", rsa(2_048, [1]), "has numbers that no RSA key has"],
    ["an even exponent", rsa(2_048, [1, 0, 0]), "has numbers that no RSA key has"],
    ["an exponent of 65 bits", rsa(2_048, [1, 0, 0, 0, 0, 0, 0, 0, 1]), "has numbers that no RSA key has"],
    ["an even modulus", blobOf("ssh-rsa", [3], [...numberOf(2_048).slice(0, -1), 2]), "has numbers that"],
    ["a negative modulus", blobOf("ssh-rsa", [3], new Uint8Array(256).fill(0xff)), "not positive"],
    ["a zero byte too many", blobOf("ssh-rsa", [3], [0, ...numberOf(2_047)]), "not in its one form"],
    ["no exponent", blobOf("ssh-rsa", [], numberOf(2_048)), "not positive"],
    ["one number", blobOf("ssh-rsa", numberOf(2_048)), "has not the two numbers"],
    ["three numbers", blobOf("ssh-rsa", [3], numberOf(2_048), [3]), "has not the two numbers"],
  ])("of RSA is refused with %s", (_, blob, words) => {
    expect(why(() => sshKeyOfBlob(blob))).toContain(words);
  });

  test.each<[string, Uint8Array]>([
    ["31 bytes", blobOf("ssh-ed25519", new Uint8Array(31))],
    ["33 bytes", blobOf("ssh-ed25519", new Uint8Array(33))],
    ["a second key behind it", blobOf("ssh-ed25519", new Uint8Array(32), new Uint8Array(32))],
    ["no key", blobOf("ssh-ed25519")],
  ])("of Ed25519 is refused with %s", (_, blob) => {
    expect(why(() => sshKeyOfBlob(blob))).toBe("is no Ed25519 key of 32 bytes");
  });

  const point = pointOf(MADE["P-256"]);
  test.each<[string, Uint8Array, string]>([
    ["another curve's name", blobOf("ecdsa-sha2-nistp256", "nistp384", point), "names another curve"],
    ["a point of another curve", blobOf("ecdsa-sha2-nistp384", "nistp384", point), "not on its curve"],
    [
      "a point beside the curve",
      blobOf("ecdsa-sha2-nistp256", "nistp256", [4, ...new Array<number>(64).fill(1)]),
      "not on its curve",
    ],
    [
      "a compressed point",
      blobOf("ecdsa-sha2-nistp256", "nistp256", [2 + ((point.at(-1) ?? 0) & 1), ...point.subarray(1, 33)]),
      "not in its uncompressed form",
    ],
    ["the point at infinity", blobOf("ecdsa-sha2-nistp256", "nistp256", [0]), "not in its uncompressed form"],
    ["no point", blobOf("ecdsa-sha2-nistp256", "nistp256"), "has not the curve and the point"],
  ])("of ECDSA is refused with %s", (_, blob, words) => {
    expect(why(() => sshKeyOfBlob(blob))).toContain(words);
  });

  test.each(["ssh-dss", "ssh-ed448", "sk-ssh-ed25519@openssh.com", "toString", "__proto__", ""])(
    "of type %j is refused",
    (type) => {
      expect(why(() => sshKeyOfBlob(blobOf(type, new Uint8Array(32))))).toBe(
        "is neither Ed25519 nor RSA nor ECDSA",
      );
    },
  );

  test("is refused when it is cut off anywhere, or has a byte too many", () => {
    for (const line of Object.values(MADE)) {
      const blob = Uint8Array.from(Buffer.from(line.split(" ")[1] ?? "", "base64"));
      for (let length = 0; length < blob.length; length += 1) {
        expect(why(() => sshKeyOfBlob(blob.subarray(0, length)))).not.toBe("it was taken");
      }
      expect(why(() => sshKeyOfBlob(Uint8Array.from([...blob, 0])))).not.toBe("it was taken");
    }
  });

  test("of whatever text or bytes is refused as such or comes out as one safe line", () => {
    const type = fc.constantFrom("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "nistp256", "x");
    const part = fc.oneof(
      type,
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
    );
    const blobs = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(part, { maxLength: 4 }).map((parts) => blobOf(...parts)),
    );
    const lines = fc.oneof(
      fc.string({ unit: "binary", maxLength: 120 }),
      blobs.map((blob) => `ssh-ed25519 ${Buffer.from(blob).toString("base64")}`),
    );
    const check = (make: () => string) => {
      try {
        expect(make()).toMatch(/^[a-z0-9-]+ [A-Za-z0-9+/]+={0,2}$/);
      } catch (error) {
        expect(error).toBeInstanceOf(SshKeyError);
      }
    };
    fc.assert(
      fc.property(blobs, (blob) => check(() => sshKeyOfBlob(blob))),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(lines, (line) => check(() => plainSshKey(line))),
      { numRuns: 1_000 },
    );
  });
});
