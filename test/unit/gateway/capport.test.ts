import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CAPPORT_TYPE, capportAnswer } from "../../../src/gateway/index.ts";

const URL_OF_PORTAL = "https://box.example/";
const state = fc.constantFrom("new", "shown", "consented", "released", "expired");

describe("the captive-portal API's answer (RFC 8908 section 5)", () => {
  test("says captive until the guest is let through, and then not any more", () => {
    fc.assert(
      fc.property(state, fc.nat(), (where, secondsLeft) => {
        const answer = capportAnswer({ state: where, secondsLeft }, URL_OF_PORTAL);
        expect(answer.captive).toBe(where !== "released");
      }),
    );
  });

  test("has the time left only where there is a session to end", () => {
    expect(capportAnswer({ state: "released", secondsLeft: 86_400 }, URL_OF_PORTAL)).toEqual({
      captive: false,
      "user-portal-url": URL_OF_PORTAL,
      "can-extend-session": true,
      "seconds-remaining": 86_400,
    });
    expect(capportAnswer({ state: "consented", secondsLeft: 86_400 }, URL_OF_PORTAL)).toEqual({
      captive: true,
      "user-portal-url": URL_OF_PORTAL,
      "can-extend-session": true,
    });
  });

  test("has the kinds of values that the RFC's table names, and stays under the 4096 characters that Android reads", () => {
    fc.assert(
      fc.property(state, fc.nat(), (where, secondsLeft) => {
        const text = JSON.stringify(capportAnswer({ state: where, secondsLeft }, URL_OF_PORTAL));
        const answer = JSON.parse(text) as Record<string, unknown>;
        expect(text.length).toBeLessThan(4096);
        expect(typeof answer.captive).toBe("boolean");
        expect(String(answer["user-portal-url"])).toStartWith("https://");
        for (const key of Object.keys(answer)) {
          expect(["captive", "user-portal-url", "can-extend-session", "seconds-remaining"]).toContain(key);
        }
      }),
    );
  });

  test("has the type that the RFC registers", () => {
    expect(CAPPORT_TYPE).toBe("application/captive+json");
  });
});
