import { describe, expect, test } from "bun:test";
import type { AirInterface, AirRadio } from "../../../../src/wifi/air/air-plan.ts";
import { interfaceSteps, type PresentInterface } from "../../../../src/wifi/air/interface-steps.ts";

const one = (name: string, madeBy: AirInterface["madeBy"] = "box"): AirInterface => ({
  name,
  role: name.startsWith("mesh") ? "mesh" : "open",
  type: name.startsWith("mesh") ? "mesh point" : "AP",
  macAddress: "02:00:00:00:00:00",
  madeBy,
});

const radio = (phy: string, interfaces: AirInterface[]): AirRadio => ({
  phy,
  path: phy,
  channel: undefined,
  powerLimitDbm: undefined,
  interfaces,
  services: [],
});

const managed = (phy: string, name: string): PresentInterface => ({ phy, name, type: "managed" });

describe("the way to the wanted interfaces", () => {
  test("adds what is missing and sets down what the system made, without removing it", () => {
    expect(interfaceSteps([managed("phy0", "wlan0")], [radio("phy0", [one("ap0"), one("mesh0")])])).toEqual([
      { do: "down", name: "wlan0" },
      { do: "add", phy: "phy0", interface: one("ap0") },
      { do: "add", phy: "phy0", interface: one("mesh0") },
    ]);
  });

  test("leaves a radio alone that has nothing to do, but for what an earlier plan made there", () => {
    const present: PresentInterface[] = [
      managed("phy0", "wlan0"),
      { phy: "phy0", name: "mesh0", type: "mesh point" },
    ];
    expect(interfaceSteps(present, [])).toEqual([{ do: "remove", name: "mesh0" }]);
  });

  test("keeps what is there already, hostapd's own as well", () => {
    const wanted = [radio("phy0", [one("ap0"), one("owe0", "hostapd")])];
    const present: PresentInterface[] = [
      { phy: "phy0", name: "ap0", type: "AP" },
      { phy: "phy0", name: "owe0", type: "AP" },
    ];
    expect(interfaceSteps(present, wanted)).toEqual([]);
  });

  test("never adds what hostapd adds", () => {
    expect(interfaceSteps([], [radio("phy0", [one("owe0", "hostapd")])])).toEqual([]);
  });

  test("makes one anew that is on another radio, or of another type, removing the old one first", () => {
    const present: PresentInterface[] = [{ phy: "phy1", name: "ap0", type: "AP" }, managed("phy0", "mesh0")];
    expect(interfaceSteps(present, [radio("phy0", [one("ap0"), one("mesh0")])])).toEqual([
      { do: "remove", name: "ap0" },
      { do: "remove", name: "mesh0" },
      { do: "add", phy: "phy0", interface: one("ap0") },
      { do: "add", phy: "phy0", interface: one("mesh0") },
    ]);
  });

  test("gives the interface that a firmware began with its new name, and keeps it from then on", () => {
    const wanted = [radio("phy0", [one("ap0", "driver")])];
    expect(interfaceSteps([managed("phy0", "wlan0")], wanted)).toEqual([
      { do: "down", name: "wlan0" },
      { do: "rename", from: "wlan0", to: "ap0" },
    ]);
    expect(interfaceSteps([managed("phy0", "ap0")], wanted)).toEqual([]);
  });
});
