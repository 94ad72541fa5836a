import { expect, test } from "bun:test";
import { MOST_WELCOMES, TunnelWelcomes } from "../../../../src/mesh/network/tunnel-welcomes.ts";

const device = { addresses: ["10.66.0.1/24"], allowedIps: ["10.66.0.0/24"] };

function welcomes() {
  let count = 0;
  return new TunnelWelcomes(() => {
    count += 1;
    return `welcome ${count}`;
  });
}

test("a welcome fits the peer and the purpose that it names, word for word, and any where it names none", () => {
  for (const [welcome, fits] of [
    [{}, ["a lease", "a ", "b lease", "b "]],
    [{ peer: "a" }, ["a lease", "a "]],
    [{ purpose: "lease" }, ["a lease", "b lease"]],
    [{ purpose: "" }, ["a ", "b "]],
    [{ peer: "b", purpose: "lease" }, ["b lease"]],
  ] as const) {
    const taken = ["a lease", "a ", "b lease", "b ", "b Lease"].filter((offer) => {
      const all = welcomes();
      all.add({ ...welcome, device });
      const [peer = "", purpose = ""] = offer.split(" ");
      return all.take({ peer, purpose }) !== undefined;
    });
    expect(taken.filter((offer) => offer !== "b Lease")).toEqual([...fits]);
  }
});

test("each holds for one tunnel, the oldest first", () => {
  const all = welcomes();
  all.add({ device, lifetimeMs: 1 });
  all.add({ device, lifetimeMs: 2 });
  const take = () => all.take({ peer: "a", purpose: "" })?.lifetimeMs;
  expect([take(), take(), take()]).toEqual([1, 2, undefined]);
});

test("one that was taken back holds for none", () => {
  const all = welcomes();
  const id = all.add({ device });
  all.takeBack("another");
  all.takeBack(id);
  expect(all.take({ peer: "a", purpose: "" })).toBeUndefined();
});

test("there are no more than 64 at a time", () => {
  const all = welcomes();
  for (let count = 0; count < MOST_WELCOMES; count += 1) all.add({ device });
  expect(() => all.add({ device })).toThrow("there are 64 welcomes already");
  all.take({ peer: "a", purpose: "" });
  all.add({ device });
});
