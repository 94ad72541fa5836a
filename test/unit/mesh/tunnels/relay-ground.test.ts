import { describe, expect, test } from "bun:test";
import { Forwarding, RelaySlots } from "../../../../src/mesh/tunnels/relay-ground.ts";

/** A kernel's switches as they hang together: all sets each (devinet.c, inet_forward_change). */
function kernel(interfaces: Record<string, string>) {
  const values = new Map([["all", "0"], ...Object.entries(interfaces)]);
  const nameOf = (parameter: string) => parameter.split("/")[3] ?? "";
  const set = (name: string, value: 0 | 1) => {
    for (const one of name === "all" ? [...values.keys()] : [name]) values.set(one, String(value));
  };
  return {
    get: (parameter: string) => values.get(nameOf(parameter)) ?? "",
    set: (parameter: string, value: 0 | 1) => set(nameOf(parameter), value),
    forward: set,
    state: () => Object.fromEntries(values),
  };
}

const open = (forwarding: Forwarding, user: string, ...interfaces: string[]) => {
  const guarded = forwarding.need(user, interfaces);
  forwarding.open(user);
  return guarded;
};

describe("Forwarding for relays", () => {
  test("stays on for one network's relay when another's has done with it, and goes off with the last", () => {
    const box = kernel({ eth0: "0", eth1: "1" });
    const forwarding = new Forwarding(box);
    expect(open(forwarding, "one", "eth0", "eth1")).toEqual(["eth0"]);
    expect(open(forwarding, "two", "eth0")).toEqual(["eth0"]);
    forwarding.need("one", []);
    expect(box.state()).toMatchObject({ eth0: "1" });
    forwarding.need("two", []);
    expect(box.state()).toEqual({ all: "0", eth0: "0", eth1: "1" });
  });

  test("is guarded before it is on", () => {
    const box = kernel({ eth0: "0" });
    const forwarding = new Forwarding(box);
    expect(forwarding.need("one", ["eth0"])).toEqual(["eth0"]);
    expect(box.state().eth0).toBe("0");
  });

  test("is left on, and not guarded, where the box has begun to forward for its guests", () => {
    const box = kernel({ eth0: "0" });
    const forwarding = new Forwarding(box);
    open(forwarding, "one", "eth0");
    box.forward("all", 1);
    expect(forwarding.stands("one", ["eth0"])).toBe(false);
    expect(open(forwarding, "one", "eth0")).toEqual([]);
    expect(forwarding.stands("one", ["eth0"])).toBe(true);
    forwarding.need("one", []);
    expect(box.state().eth0).toBe("1");
  });

  test("that a killed daemon had set is put back, but not under the gateway or another relay", () => {
    for (const [all, wanted] of [
      [0, "0"],
      [1, "1"],
    ] as const) {
      const box = kernel({ eth0: "1" });
      if (all === 1) box.forward("all", 1);
      const forwarding = new Forwarding(box);
      forwarding.adopt("one", ["eth0"]);
      forwarding.need("one", []);
      expect(box.state().eth0).toBe(wanted);
    }
    const box = kernel({ eth0: "0" });
    const forwarding = new Forwarding(box);
    open(forwarding, "one", "eth0");
    forwarding.adopt("two", ["eth0"]);
    forwarding.need("two", []);
    expect(box.state().eth0).toBe("1");
  });

  test("is missed when somebody has switched it off, and set again", () => {
    const box = kernel({ eth0: "0" });
    const forwarding = new Forwarding(box);
    open(forwarding, "one", "eth0");
    expect(forwarding.stands("one", ["eth0"])).toBe(true);
    box.forward("eth0", 0);
    expect(forwarding.stands("one", ["eth0"])).toBe(false);
    expect(open(forwarding, "one", "eth0")).toEqual(["eth0"]);
    expect(box.state().eth0).toBe("1");
  });

  test("follows from one interface to another, and is nobody's on one that was closed on purpose", () => {
    const box = kernel({ eth0: "0", eth1: "0" });
    const forwarding = new Forwarding(box);
    open(forwarding, "one", "eth0");
    open(forwarding, "one", "eth1");
    expect(box.state()).toMatchObject({ eth0: "0", eth1: "1" });
    const router = kernel({ eth0: "0" });
    router.forward("all", 1);
    router.forward("eth0", 0);
    const cautious = new Forwarding(router);
    expect(cautious.mayForward("eth0")).toBe(false);
    expect(open(cautious, "one", "eth0")).toEqual([]);
    expect(router.state().eth0).toBe("0");
  });
});

describe("Slots of relayed flows", () => {
  test("are never two flows' at a time, and are used again", () => {
    const slots = new RelaySlots();
    expect([slots.take(), slots.take(), slots.take()]).toEqual([0, 1, 2]);
    slots.giveBack(1);
    expect([slots.take(), slots.take()]).toEqual([1, 3]);
  });
});
