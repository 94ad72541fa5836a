import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyringOf } from "../../image-build/rauc/signing.ts";
import { seededRandom } from "../../src/bench/seeded-random.ts";
import { describeNeeding } from "../needs.ts";
import { confWith, Signers, smallBundle } from "../unit/update/bundles.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { foundTogether } from "./mesh-box.ts";
import { UpdateBox } from "./update-box.ts";

const NEEDS = ["root", "program:rauc", "program:openssl", "program:mksquashfs"] as const;
const SLOW = 240_000;

describeNeeding(NEEDS, "a new version from a neighbouring box", () => {
  let lab: Lab;
  let hosts: LabHost[];
  let signers: Signers;
  let conf: string;
  let ours: Awaited<ReturnType<Signers["make"]>>;

  beforeEach(async () => {
    lab = await new Lab("update").open();
    hosts = await Promise.all(["a", "b", "c"].map((name) => lab.host(name)));
    const [a, b, c] = hosts as [LabHost, LabHost, LabHost];
    await lab.cable(b, "to-a", a, "eth0");
    await lab.cable(b, "to-c", c, "eth0");
    await a.run(["ip", "addr", "add", "10.77.1.1/24", "dev", "eth0"]);
    await b.run(["ip", "addr", "add", "10.77.1.2/24", "dev", "to-a"]);
    await b.run(["ip", "addr", "add", "10.77.2.2/24", "dev", "to-c"]);
    await c.run(["ip", "addr", "add", "10.77.2.3/24", "dev", "eth0"]);
    signers = new Signers(lab.folder);
    ours = await signers.make("community");
    const keyring = join(lab.folder, "keyring.pem");
    writeFileSync(keyring, keyringOf([ours.authority]));
    conf = confWith(lab.folder, keyring);
  }, SLOW);

  afterEach(async () => {
    await lab.close();
  }, SLOW);

  const box = (index: number, name: string, version: string, kbit: number) =>
    new UpdateBox(lab, hosts[index] as LabHost, name, { version, conf, kbit });

  test(
    "comes whole though the link and the box fail again and again, and waits for the operator",
    async () => {
      const random = seededRandom(20_261_129);
      const path = await smallBundle(lab.folder, "newer", ours.signer, {
        version: "1.1.0",
        bytes: 2_500_000,
      });
      const size = statSync(path).size;
      const [a, b] = [box(0, "a", "1.1.0", 3_000), box(1, "b", "1.0.0", 3_000)];
      a.holds(path);
      await Promise.all([a.mesh.start(), b.mesh.start()]);
      await foundTogether([a.mesh, b.mesh]);
      let cuts = 0;
      let best = 0;
      const comes = () => b.view()?.fetching?.goodBytes ?? 0;
      while (b.view()?.next === undefined && cuts < 4) {
        const from = comes();
        await until("something to come", () => comes() > from || b.view()?.next, 120_000);
        await Bun.sleep(200 + random() * 900);
        const before = comes();
        best = Math.max(best, before);
        if (cuts % 2 === 0) {
          await b.mesh.stop("SIGKILL");
          await b.mesh.start();
          // What had come is there still, but for what was on its way.
          const after = await until(
            "it to go on",
            () => b.view()?.next ?? (comes() > 0 ? comes() : undefined),
            120_000,
          );
          if (typeof after === "number") expect(after).toBeGreaterThanOrEqual(before - 65_536);
        } else {
          await (hosts[1] as LabHost).run(["ip", "link", "set", "to-a", "down"]);
          await Bun.sleep(500 + random() * 2_000);
          await (hosts[1] as LabHost).run(["ip", "link", "set", "to-a", "up"]);
        }
        cuts += 1;
      }
      expect(cuts).toBeGreaterThan(1);
      expect(best).toBeLessThanOrEqual(size);
      const next = await until("the whole of it", () => b.view()?.next, 180_000);
      expect(next.version).toBe("1.1.0");
      expect(b.bundles().map((bytes) => bytes.equals(readFileSync(path)))).toEqual([true]);
      // It was there already when the box was started the last time, or it says from whom it came: by
      // name, or by the end of its peer id where it began before it had the other's record.
      const names = ["a", (await a.mesh.peer()).slice(-8)];
      expect([...names, "what was here already"]).toContain(next.from);
      await until("the reason why it waits", () =>
        b.view()?.next?.waitsFor.includes("operator has to say so"),
      );
    },
    SLOW,
  );

  test(
    "is taken from whoever gives what was signed, and from nobody who gives anything else",
    async () => {
      const path = await smallBundle(lab.folder, "newer", ours.signer, { version: "1.1.0", bytes: 800_000 });
      const stranger = await signers.make("stranger");
      const forged = await smallBundle(lab.folder, "forged", stranger.signer, {
        version: "9.0.0",
        bytes: 800_000,
      });
      const [a, b, c] = [
        box(0, "a", "1.1.0", 8_000),
        box(1, "b", "1.0.0", 8_000),
        box(2, "c", "1.1.0", 8_000),
      ];
      // The liar has the same bundle with another byte in it; the other offers what somebody else has signed.
      c.holds(path, 200_000);
      await Promise.all([b.mesh.start(), c.mesh.start()]);
      await foundTogether([b.mesh, c.mesh]);
      await until(
        "the lie to be found",
        () => b.mesh.output().includes("gives something else than was signed"),
        120_000,
      );
      expect(b.bundles()).toEqual([]);
      a.holds(path);
      await a.mesh.start();
      await a.mesh.join(await b.mesh.invite({ hours: 24 }));
      await until("the bundle from the honest one", () => b.view()?.next?.version === "1.1.0", 120_000);
      expect(b.bundles().map((bytes) => bytes.equals(readFileSync(path)))).toEqual([true]);
      // A box that is told to believe somebody else's signature offers it; ours does not take it.
      await c.mesh.stop();
      const strangers = join(lab.folder, "strangers.pem");
      writeFileSync(strangers, keyringOf([stranger.authority]));
      const believer = new UpdateBox(lab, hosts[2] as LabHost, "c", {
        ...{ version: "1.1.0", kbit: 8_000 },
        conf: confWith(c.mesh.folder, strangers),
      });
      believer.holds(forged);
      await believer.mesh.start();
      await until(
        "the refusal",
        () => b.view()?.refusal.includes("signed by nobody whom this box believes"),
        120_000,
      );
      expect(b.view()?.next?.version).toBe("1.1.0");
      expect(b.bundles()).toHaveLength(1);
    },
    SLOW,
  );
});
