import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Lab, type LabHost } from "./lab.ts";

const lab = new Lab("engine");
let host: LabHost;

beforeAll(async () => {
  await lab.open();
  host = await lab.host("box");
  await host.run(["ip", "link", "set", "lo", "up"]);
  await host.run(["ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1"]);
  // Duplicate address detection would keep the address back for a second or two.
  for (const name of ["wire0", "wire1"]) {
    await host.run(["sysctl", "-qw", `net.ipv6.conf.${name}.accept_dad=0`]);
    await host.run(["ip", "link", "set", name, "up"]);
  }
});

afterAll(() => lab.close());

test("an engine dials a link-local address with its interface, and no loopback address", async () => {
  const shown = await host.run(["ip", "-6", "-o", "addr", "show", "dev", "wire0", "scope", "link"]);
  const address = /fe80::[0-9a-f:]+/.exec(shown)?.[0] ?? "";
  const script = join(import.meta.dir, "link-local-engines.ts");
  const said = await host.run([process.execPath, script, lab.folder, address, "wire0"], {
    timeoutMs: 20_000,
  });
  const [met, refused] = said
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(met).toMatchObject({ kind: "tcp", isAsDialled: true, back: "over the link" });
  expect(met.seen[0]).toContain(address);
  expect(refused.loopback).toMatch(/is not dialled: loopback/);
}, 30_000);
