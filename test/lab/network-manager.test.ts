import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { SPOOFED_IPV4 } from "../../src/gateway/guest-network.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Lab, until } from "./lab.ts";
import { type Connectivity, type NetworkManager, startNetworkManager } from "./network-manager.ts";
import { type Phone, Swarm } from "./swarm.ts";

const TIMEOUT_MS = 60_000;
/** What GNOME's and Debian's NetworkManager opens in a browser for the person, once it has found a portal. */
const OPENED_BY_GNOME = "http://nmcheck.gnome.org/";

/** The page that a person sees who opens an http address: before consent every name leads to the portal. */
async function open(phone: Phone, url: string) {
  return (await phone.openPage(url, { resolve: () => SPOOFED_IPV4 })).response;
}

/** Submits the form of the page at a path of the portal, as a tap on its button does. */
async function tapButton(phone: Phone, portal: string, path: string) {
  const page = await open(phone, `http://${portal}${path}`);
  const action = /<form method="post" action="([^"]+)"/.exec(page.body)?.[1] ?? "";
  const inputs = page.body.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g);
  const fields = Object.fromEntries([...inputs].map(([, name = "", value = ""]) => [name, value]));
  const answer = await phone.request({
    address: SPOOFED_IPV4,
    host: portal,
    method: "POST",
    path: action,
    headers: { "content-type": "application/x-www-form-urlencoded", origin: `http://${portal}` },
    body: new URLSearchParams(fields).toString(),
  });
  const next = answer.headers.get("location");
  return next === null ? answer : open(phone, new URL(next, `http://${portal}/`).href);
}

describeNeeding(
  [...LAB_NEEDS, "program:NetworkManager", "program:nmcli", "program:dbus-daemon"],
  "NetworkManager as a guest",
  () => {
    const lab = new Lab("nm");
    const swarms: Swarm[] = [];
    let manager: NetworkManager | undefined;
    const portal = "omerta.internal";

    /** A laptop that has just been plugged into the box's guest network. */
    const joins = async (box: LabBox): Promise<{ laptop: Phone; manager: NetworkManager }> => {
      const swarm = new Swarm(lab, box.host, box.bridge);
      swarms.push(swarm);
      const [laptop] = await swarm.addPhones(1);
      if (!laptop) throw new Error("no laptop");
      // A swarm is without IPv6; a laptop is not. Router advertisements are NetworkManager's: an interface that has an
      // address by one already it takes for somebody else's, and asks for no other.
      for (const setting of ["wlan0.accept_ra=0", "all.disable_ipv6=0"])
        await laptop.run(["sysctl", "-qw", `net.ipv6.conf.${setting}`]);
      manager = await startNetworkManager(laptop, "wlan0");
      return { laptop, manager };
    };
    const becomes = async (wanted: Connectivity, by: NetworkManager): Promise<void> => {
      await until(
        `NetworkManager to report ${wanted}`,
        async () => (await by.connectivity()) === wanted,
        // By itself it looks every few seconds; a machine that is busy needs some looks.
        30_000,
      );
    };

    beforeAll(async () => {
      await lab.open();
    }, TIMEOUT_MS);
    afterEach(async () => {
      await manager?.stop();
      manager = undefined;
    });
    afterAll(async () => {
      for (const swarm of swarms) swarm.close();
      await lab.close();
    }, TIMEOUT_MS);

    test(
      "reports portal by itself after joining, full once the person has agreed, and portal again after leaving",
      async () => {
        const box = await startBox(lab, "box");
        const { laptop, manager } = await joins(box);

        await becomes("portal", manager);
        const page = await open(laptop, OPENED_BY_GNOME);
        expect(page.body).toContain('action="/agree"');
        expect(await tapButton(laptop, portal, "/")).toMatchObject({ status: 200 });
        expect(await manager.checkNow()).toBe("full");
        // A verdict that it holds, not one lucky probe.
        expect(await manager.checkNow()).toBe("full");

        expect(await tapButton(laptop, portal, "/leave")).toMatchObject({ status: 200 });
        expect(await manager.checkNow()).toBe("portal");
      },
      TIMEOUT_MS,
    );

    test(
      "finds out by itself, at its next look, that the person has agreed",
      async () => {
        const box = await startBox(lab, "own");
        const { laptop, manager } = await joins(box);
        await becomes("portal", manager);
        await tapButton(laptop, portal, "/");
        await becomes("full", manager);
      },
      TIMEOUT_MS,
    );

    test(
      "never reports full where the operator has chosen not to tell phones that they are online",
      async () => {
        const config = "[gateway.online]\nwithout_uplink = false\n";
        const box = await startBox(lab, "honest", { config });
        const { laptop, manager } = await joins(box);

        await becomes("portal", manager);
        expect((await open(laptop, OPENED_BY_GNOME)).body).toContain("may say that there is no internet");
        const on = await tapButton(laptop, portal, "/");
        expect(on.body).toContain("You are connected");
        const verdicts = [await manager.checkNow(), await manager.checkNow()];
        for (const verdict of verdicts) expect(["limited", "none"]).toContain(verdict);
        expect(manager.log()).not.toMatch(/to FULL/);
      },
      TIMEOUT_MS,
    );
  },
);
