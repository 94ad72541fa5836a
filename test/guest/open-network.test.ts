import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeNeeding, GUEST_NEEDS } from "../needs.ts";
import { AirBox, TLS_HOST } from "./air-box.ts";
import { AirPhone } from "./air-phone.ts";
import { GuestMachine, MachineHost } from "./machine/guest-machine.ts";

const SSID = "Omerta Test";

describeNeeding([...GUEST_NEEDS, "program:openssl"], "the open network of a box with one radio", () => {
  let machine: GuestMachine;
  let box: AirBox;
  const phone = (n: number) => new AirPhone(new MachineHost(machine, `phone${n}`));
  beforeAll(async () => {
    machine = await GuestMachine.start("open-network");
    box = await AirBox.start(machine, { radios: 1, phones: 2 });
  }, 600_000);
  afterAll(() => machine?.stop());

  test("is on the air, with its encrypted twin and the mesh", async () => {
    const { radios, country } = await box.radios();
    expect(country).toBe("DE");
    expect(
      radios.flatMap(({ interfaces }) => interfaces.map(({ name, state }) => `${name} ${state}`)),
    ).toEqual(["ap0 up", "owe0 up", "mesh0 up"]);
  }, 60_000);

  test("is found and joined by a phone, which the portal catches, and releases when its owner agrees", async () => {
    const one = phone(0);
    const { times, probe, captivePortalUrl } = await one.join({ ssid: SSID });
    console.log(
      `since the phone began to look: joined after ${times.joinedS} s, lease after ${times.leasedS} s, portal after ${times.portalS} s`,
    );
    expect(probe).toEqual({ status: 302, location: expect.stringContaining("http://omerta.internal") });
    expect((await one.status()).get("key_mgmt")).toBe("NONE");
    expect(captivePortalUrl).toBe(`https://${TLS_HOST}/captive-portal`);
    expect(await one.isCaptive(captivePortalUrl)).toBe(true);
    expect(await one.consent()).toBe(303);
    expect(await one.probe()).toBe(204);
    expect(await one.isCaptive(captivePortalUrl)).toBe(false);
  }, 120_000);

  test("gives a phone that knows OWE the encrypted twin, under the same name", async () => {
    const one = phone(1);
    const { times, tries, probe } = await one.join({ ssid: SSID, security: { kind: "owe", only: true } });
    console.log(
      `one with OWE: joined after ${times.joinedS} s, portal after ${times.portalS} s, in ${tries === 1 ? "one try" : `${tries} tries`}`,
    );
    const status = await one.status();
    expect([status.get("key_mgmt"), status.get("pairwise_cipher"), status.get("bssid")]).toEqual([
      "OWE",
      "CCMP",
      (await machine.run(["cat", "/sys/class/net/owe0/address"])).trim(),
    ]);
    expect(probe.status).toBe(302);
  }, 120_000);

  test("goes on without a gap when the daemon is killed, and the next one takes it up", async () => {
    const one = phone(0);
    const pids = await machine.run(["pgrep", "-af", "^hostapd |wpa-mesh"]);
    await box.kill();
    expect(await one.probe()).not.toBe(0);
    await box.launch();
    expect(await machine.run(["pgrep", "-af", "^hostapd |wpa-mesh"])).toBe(pids);
    expect((await one.status()).get("wpa_state")).toBe("COMPLETED");
    expect(await one.probe()).toBe(204);
  }, 300_000);
});
