import { mkdirSync } from "node:fs";
import { systemClock } from "../../src/host/clock.ts";
import { Memberships, openDeviceKey, type Role } from "../../src/identity/index.ts";

/** A network made aside, on no box. @returns what makes invites to it */
export function networkAside(folder: string, name = "Valley"): (role: Role) => string {
  mkdirSync(folder);
  const told = (message: string) => {
    throw new Error(message);
  };
  const founded = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).found(name);
  return (role) =>
    founded.invite({
      ...{ role, uses: 0, expiresS: 86_400, peers: [] },
      grants: role === "box" ? ["person"] : [],
    });
}
