import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GuestSessions } from "../../../src/gateway/guest-sessions.ts";

const MAX = 16_384;
const macOf = (index: number) =>
  `02:00:${[24, 16, 8, 0].map((shift) => ((index >> shift) & 255).toString(16).padStart(2, "0")).join(":")}`;
const ipOf = (index: number) => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;

function guests() {
  const time = { nowMs: 0 };
  return { time, sessions: new GuestSessions(() => time.nowMs) };
}

describe("the sessions of the guests", () => {
  test("are found by station and by address", () => {
    const { sessions } = guests();
    const session = sessions.meet(macOf(1), ipOf(1));
    expect(sessions.get(macOf(1))).toBe(session);
    expect(sessions.at(ipOf(1))).toBe(session);
    expect(sessions.at(ipOf(2))).toBeUndefined();
  });

  test("are one a station, however often it is met", () => {
    const { sessions } = guests();
    const first = sessions.meet(macOf(1), ipOf(1));
    expect(sessions.meet(macOf(1), ipOf(2))).toBe(first);
    expect(sessions.size).toBe(1);
  });

  test("are found by a further address too, until they are forgotten", () => {
    const { sessions } = guests();
    const session = sessions.meet(macOf(1), ipOf(1));
    sessions.alsoAt(macOf(1), "fd00::5");
    expect(sessions.at("fd00::5")).toBe(session);
    sessions.forget(macOf(1));
    expect([sessions.at("fd00::5"), sessions.at(ipOf(1)), sessions.get(macOf(1))]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("follow a station to its new address, and its old one is nobody's", () => {
    const { sessions } = guests();
    const session = sessions.meet(macOf(1), ipOf(1));
    if (session) sessions.dispatch(session, { kind: "joined", ipv4: ipOf(9) });
    expect(sessions.at(ipOf(9))?.mac).toBe(macOf(1));
    expect(sessions.at(ipOf(1))).toBeUndefined();
  });

  test("leave an address with the station that has it now, when its old owner moves", () => {
    const { sessions } = guests();
    const old = sessions.meet(macOf(1), ipOf(1));
    sessions.meet(macOf(2), ipOf(1));
    if (old) sessions.dispatch(old, { kind: "joined", ipv4: ipOf(3) });
    expect(sessions.at(ipOf(1))?.mac).toBe(macOf(2));
  });

  test("do not take an address back that another station has claimed since", () => {
    const { sessions } = guests();
    const old = sessions.meet(macOf(1), ipOf(1));
    sessions.meet(macOf(2), ipOf(1));
    if (old) sessions.dispatch(old, { kind: "ended" });
    expect(sessions.at(ipOf(1))?.mac).toBe(macOf(2));
    sessions.claim(macOf(1));
    expect(sessions.at(ipOf(1))?.mac).toBe(macOf(1));
  });

  test("claim nothing for a station without an IPv4 address, nor for one that is not known", () => {
    const { sessions } = guests();
    sessions.meet(macOf(1), "");
    sessions.claim(macOf(1));
    sessions.claim(macOf(2));
    expect(sessions.at("")).toBeUndefined();
  });

  test("tell of every change, once, after it, and of nothing once that has ended", () => {
    const { sessions } = guests();
    const heard: string[] = [];
    const end = sessions.onChange((session) =>
      heard.push(`${session.state} ${sessions.get(session.mac)?.state}`),
    );
    const session = sessions.meet(macOf(1), ipOf(1));
    if (!session) throw new Error("no room");
    const shown = sessions.dispatch(session, { kind: "shown" });
    sessions.dispatch(shown, { kind: "shown" });
    end();
    sessions.dispatch(shown, { kind: "ended" });
    expect(heard).toEqual(["new new", "shown shown"]);
  });

  test("an address never leads to a station that is not kept", () => {
    const action = fc.record({
      what: fc.constantFrom("meet", "join", "also", "forget"),
      mac: fc.nat(4),
      ip: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const { sessions } = guests();
        for (const { what, mac, ip } of actions) {
          const known = sessions.get(macOf(mac));
          if (what === "meet") sessions.meet(macOf(mac), ipOf(ip));
          else if (what === "also") sessions.alsoAt(macOf(mac), `fd00::${ip}`);
          else if (what === "forget") sessions.forget(macOf(mac));
          else if (known) sessions.dispatch(known, { kind: "joined", ipv4: ipOf(ip) });
          for (let index = 0; index <= 4; index += 1) {
            for (const address of [ipOf(index), `fd00::${index}`]) {
              const session = sessions.at(address);
              if (session) expect(sessions.get(session.mac)).toBe(session);
            }
          }
        }
      }),
    );
  });
});

describe("more guests than there is room for", () => {
  const full = () => {
    const { sessions, time } = guests();
    for (let index = 0; index < MAX; index += 1) {
      time.nowMs = index;
      sessions.meet(macOf(index), ipOf(index));
    }
    return { sessions, time };
  };

  test("push out the one without an agreement who was seen longest ago", () => {
    const { sessions, time } = full();
    time.nowMs = MAX;
    const first = sessions.get(macOf(0));
    if (first) sessions.dispatch(first, { kind: "agreed", language: "en", durationMs: 1_000, from: "" });
    expect(sessions.meet(macOf(MAX), ipOf(MAX))).toBeDefined();
    expect(sessions.size).toBe(MAX);
    expect(sessions.get(macOf(0))).toBeDefined();
    expect(sessions.get(macOf(1))).toBeUndefined();
    expect(sessions.at(ipOf(1))).toBeUndefined();
  });

  test("are refused where all have agreed", () => {
    const { sessions } = full();
    for (const session of sessions.all())
      sessions.dispatch(session, { kind: "agreed", language: "en", durationMs: 1, from: "" });
    expect(sessions.meet(macOf(MAX), ipOf(MAX))).toBeUndefined();
    expect(sessions.size).toBe(MAX);
  });

  test("do not push out a guest by means of very many addresses of one station", () => {
    const { sessions } = guests();
    sessions.meet(macOf(1), ipOf(1));
    for (let index = 0; index < 100_000; index += 1) sessions.alsoAt(macOf(1), `fd00::${index.toString(16)}`);
    const other = sessions.meet(macOf(2), ipOf(2));
    sessions.alsoAt(macOf(2), "fd00:1::2");
    expect(sessions.at(ipOf(2))).toBe(other);
    // Each station has room for its own few addresses, whatever another one does.
    expect(sessions.at("fd00:1::2")).toBe(other);
  });
});
