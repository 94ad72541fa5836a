import { join } from "node:path";
import { defaultConfig } from "../../../src/config/index.ts";
import { Gateway, SessionStore } from "../../../src/gateway/index.ts";
import { serveSocket } from "../../../src/host/socket-server.ts";
import type { GuestMessages } from "../../../src/messages/index.ts";
import { deskApi, type PortalFacts } from "../../../src/portal/desk-api.ts";
import { Journal } from "../../../src/store/index.ts";
import { capturedLog } from "../captured-log.ts";
import { FakeClock } from "../fake-clock.ts";
import { FakeBackend } from "../gateway/fake-backend.ts";
import { FACTS } from "./facts.ts";

export const STATION = { mac: "02:00:00:00:00:01", ipv4: "10.20.0.16" };

/** A daemon's gateway with a network in memory, and its desk on a real socket. */
export async function gatewayWithDesk(folder: string, messages?: GuestMessages) {
  const clock = new FakeClock();
  const backend = new FakeBackend();
  const { log } = capturedLog();
  const journal = new Journal(join(folder, "journal.sqlite"), clock, 1_000);
  journal.open();
  const store = new SessionStore(join(folder, "sessions.sqlite"));
  const gateway = new Gateway({ config: defaultConfig().gateway, backend, store, journal, clock, log });
  await gateway.start();
  backend.stations.set(STATION.ipv4, STATION);
  const facts = (): PortalFacts => ({ ...FACTS, internet: backend.uplinkUsable });
  const socket = join(folder, "desk.sock");
  const serve = () => serveSocket(socket, deskApi(gateway, facts, log, messages).fetch);
  return { gateway, backend, journal, clock, socket, serve };
}
