import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest, knock, listenOn } from "./guest.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { Swarm, withNetworkOf } from "./swarm.ts";
import { uplinkedHost, WORLD } from "./world.ts";

const RATE_KBIT = 4_000;

describeNeeding(LAB_NEEDS, "What the operator may choose", () => {
  const lab = new Lab("pol");
  let box: LabBox;
  let world: LabHost;
  let swarm: Swarm;
  const ends: (() => void)[] = [];

  beforeAll(async () => {
    await lab.open();
    const uplinked = await uplinkedHost(lab, "box");
    world = uplinked.world;
    box = await startBox(lab, "box", {
      host: uplinked.host,
      config: `
        [gateway]
        guest_to_guest = true
        guest_rate_kbit = ${RATE_KBIT}
        subnet = "192.168.40.0/24"
        lease_minutes = 2
        [gateway.online]
        with_uplink = false
        [gateway.uplink]
        interface = "wan0"
        allow = true
      `,
    });
    swarm = new Swarm(lab, box.host, box.bridge);
  });
  afterAll(async () => {
    for (const end of ends) end();
    await lab.close();
  });

  const join = async () => {
    const [phone] = await swarm.addPhones(1);
    if (!phone) throw new Error("no phone");
    const lease = await phone.dhcp();
    return { phone, lease };
  };

  test("the network and the lease time are the configured ones", async () => {
    const { lease } = await join();
    expect(lease.address).toMatch(/^192\.168\.40\.\d+$/);
    expect([lease.prefixLength, lease.leaseSeconds]).toEqual([24, 120]);
  });

  test("guests who have agreed reach each other where that is allowed, others do not", async () => {
    const [{ phone: first }, { phone: second }] = [await join(), await join()];
    ends.push(listenOn(second, 7000));
    expect(await knock(first, second.address ?? "", 7000)).toBe("refused");
    await new Guest(first).consent();
    // The other has not agreed: its answers do not pass.
    expect(await knock(first, second.address ?? "", 7000)).not.toBe("open");
    await new Guest(second).consent();
    expect(await knock(first, second.address ?? "", 7000)).toBe("open");
    const page = await new Guest(first).get("omerta.internal", "/risks");
    expect(page.body).toContain("On this box, other guests can reach your device.");
  });

  test("one guest gets no more through the uplink than its rate", async () => {
    const { phone } = await join();
    await new Guest(phone).consent();
    let bytes = 0;
    const count = (length: number) => {
      bytes += length;
    };
    const sink = withNetworkOf(world, () =>
      Bun.listen({ hostname: WORLD, port: 9000, socket: { data: (_, data) => count(data.length) } }),
    );
    ends.push(() => sink.stop(true));
    const block = Buffer.alloc(16_384);
    const fill = (connection: { write(data: Buffer): number }) => {
      while (connection.write(block) === block.length);
    };
    const source = await withNetworkOf(phone, () =>
      Bun.connect({ hostname: WORLD, port: 9000, socket: { open: fill, drain: fill, data() {} } }),
    );
    // The first second is the burst that is allowed.
    await Bun.sleep(2_000);
    bytes = 0;
    await Bun.sleep(4_000);
    source.terminate();
    const kbit = (bytes * 8) / 4 / 1000;
    console.log(`      ${Math.round(kbit)} kbit/s of ${RATE_KBIT} kbit/s allowed`);
    expect(kbit).toBeLessThan(RATE_KBIT * 1.15);
    expect(kbit).toBeGreaterThan(RATE_KBIT * 0.2);
  });

  test("with an uplink, phones are not told that they are online where the operator does not want it", async () => {
    const { phone } = await join();
    const guest = new Guest(phone);
    expect((await guest.firstPage()).page.body).toContain("may say that there is no internet");
    await guest.consent();
    await until(
      "the answer",
      async () => (await guest.get("connectivitycheck.gstatic.com", "/generate_204")).status === 503,
    );
    expect((await guest.get("captive.apple.com", "/hotspot-detect.html")).status).toBe(302);
  });
});
