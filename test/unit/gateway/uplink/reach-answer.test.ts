import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nameAnswer, nameQuestion } from "../../../../src/gateway/uplink/name-question.ts";
import { isWholeHead, reachRequest, reachVerdict } from "../../../../src/gateway/uplink/reach-answer.ts";

const TARGET = new URL("http://probe.example/generate_204");
const verdict = (...lines: string[]) => reachVerdict(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), TARGET);

describe("an answer to a request for nothing", () => {
  test("is asked for without a word about who asks", () => {
    expect(Buffer.from(reachRequest(TARGET)).toString()).toBe(
      "GET /generate_204 HTTP/1.1\r\nHost: probe.example\r\nConnection: close\r\n\r\n",
    );
  });

  test("says that something is reached by status 204, or by an empty 200 of a proxy", () => {
    expect(verdict("HTTP/1.1 204 No Content").kind).toBe("reached");
    expect(verdict("HTTP/1.0 200 OK", "content-LENGTH: 0").kind).toBe("reached");
  });

  test("says by a redirect to elsewhere, another page or status 511 that a portal is in between", () => {
    expect(verdict("HTTP/1.1 302 Found", "Location: https://login.example/?x=1")).toEqual({
      kind: "captive",
      portalUrl: "https://login.example/?x=1",
    });
    for (const line of ["HTTP/1.1 200 OK", "HTTP/1.1 511 Network Authentication Required"]) {
      expect(verdict(line, "Content-Length: 9")).toEqual({ kind: "captive", portalUrl: TARGET.href });
    }
  });

  test("says nothing by an error, by its own server's way to https, or by what is no web address", () => {
    for (const lines of [
      ["HTTP/1.1 503 Service Unavailable"],
      ["HTTP/1.1 301 Moved", "Location: https://probe.example/generate_204"],
      ["HTTP/1.1 302 Found", "Location: javascript:alert(1)"],
      ["HTTP/1.1 302 Found", `Location: http://long.example/${"x".repeat(600)}`],
      ["HTTP/1.1 302 Found"],
      ["SSH-2.0-OpenSSH_9"],
      [""],
    ]) {
      expect(verdict(...lines).kind).toBe("broken");
    }
  });

  test("is whole with the end of its head", () => {
    expect(isWholeHead(Buffer.from("HTTP/1.1 204 No Content\r\n"))).toBe(false);
    expect(isWholeHead(Buffer.from("HTTP/1.1 204 No Content\r\n\r\n"))).toBe(true);
  });

  test("whatever comes is told apart, and an address that is shown is one of the web and short", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom("HTTP/1.1 302 x", "HTTP/1.1 200 OK", "Location: ", "Content-Length: 0"),
      fc.constantFrom("Location: https://a.example/x", "Location: //b.example", "Location: ftp://c.example"),
      fc.string().map((text) => `Location: ${text}`),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 6_000 }),
      fc.array(line).map((lines) => Buffer.from(`HTTP/1.1 302 x\r\n${lines.join("\r\n")}`)),
    );
    fc.assert(
      fc.property(bytes, (answer) => {
        const found = reachVerdict(answer, TARGET);
        expect(["reached", "captive", "broken"]).toContain(found.kind);
        if (found.kind !== "captive") return;
        expect(found.portalUrl).toMatch(/^https?:\/\//);
        expect(found.portalUrl.length).toBeLessThanOrEqual(500);
      }),
    );
  });
});

describe("a question for a name", () => {
  const question = nameQuestion(0x1234, "probe.example", "A");
  /** By RFC 1035, by hand: the question again, and one answer that points to its name. */
  const answer = (address: readonly number[]) => {
    const head = Buffer.from("1234818000010001000000000570726f6265076578616d706c650000010001", "hex");
    return Buffer.concat([head, Buffer.from("c00c000100010000003c0004", "hex"), Buffer.from(address)]);
  };

  test("is as RFC 1035 has it, and its answer is read", () => {
    expect(Buffer.from(question).toString("hex")).toBe(
      "1234010000010000000000000570726f6265076578616d706c650000010001",
    );
    expect(nameAnswer(answer([192, 0, 2, 7]), 0x1234, "probe.example", "A")).toEqual(["192.0.2.7"]);
  });

  test("has no answer in what was not asked, or is a question itself", () => {
    const right = answer([192, 0, 2, 7]);
    expect(nameAnswer(right, 0x1235, "probe.example", "A")).toBeUndefined();
    expect(nameAnswer(right, 0x1234, "other.example", "A")).toBeUndefined();
    expect(nameAnswer(right, 0x1234, "probe.example", "AAAA")).toBeUndefined();
    expect(nameAnswer(question, 0x1234, "probe.example", "A")).toBeUndefined();
  });

  test("takes no harm from any bytes", () => {
    const torn = fc
      .tuple(fc.nat(46), fc.nat(255))
      .map(([at, value]) => Buffer.from(answer([1, 2, 3, 4])).fill(value, at, at + 1));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 1_600 }), torn), (bytes) => {
        const found = nameAnswer(bytes, 0x1234, "probe.example", "A");
        if (found !== undefined) expect(found.length).toBeLessThanOrEqual(8);
      }),
    );
  });
});
