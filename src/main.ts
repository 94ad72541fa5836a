import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { BoxOptions } from "./box-options.ts";
import { problemLine } from "./config/index.ts";
import {
  BenchBackend,
  checkCertificate,
  Gateway,
  type GuestBackend,
  KernelBackend,
  planGuestNetwork,
  SessionStore,
  UplinkWatch,
  uplinkSenses,
} from "./gateway/index.ts";
import { systemClock } from "./host/clock.ts";
import { Lifecycle } from "./host/lifecycle.ts";
import { ipv4NetworksInUse } from "./host/proc-net.ts";
import { tryRun } from "./host/run.ts";
import { systemTimers } from "./host/timers.ts";
import { UncaughtErrors } from "./host/uncaught-errors.ts";
import { Memberships, openDeviceKey } from "./identity/index.ts";
import type { MeshControl } from "./mesh/index.ts";
import { sharesLinks } from "./mesh/shares-links.ts";
import type { Services } from "./services.ts";
import { Journal, loadKeptConfig, tellFromNewer } from "./store/index.ts";
import { SureClock } from "./time/index.ts";
import { VERSION } from "./version.ts";
import { composeRadios } from "./wifi/compose-radios.ts";

export interface Box {
  /** The portal as a guest opens it. */
  portalUrl: string;
  /** The operator's page. */
  consoleUrls: string[];
  /** The other boxes; there once it has started. */
  readonly mesh: MeshControl;
  /** Parts that do not run as they should, in words. */
  troubles(): string[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Composition root: the configuration in, parts put together, started in order and stopped in reverse. What the open network needs
 * is here; all else (services.ts) is loaded once gateway and radios have been started, for to load it takes a small board seconds.
 */
export async function composeBox(options: BoxOptions): Promise<Box> {
  const { mode, stateFolder, runFolder, log, bench } = options;
  const clock = systemClock;
  const unkept = (error: unknown) => log.error({ error }, "the journal could not be written");
  const failed = (error: unknown) => log.error({ error }, "the last good configuration could not be kept");
  const { config, problems, file } = loadKeptConfig(options.configFile, stateFolder, failed);
  if (options.name !== undefined) config.box.name = options.name;
  config.mesh.invites.push(...(options.invites ?? []));
  if (bench?.isByLoraAlone) config.mesh.enabled = false;
  log.level = config.log.level;
  for (const problem of problems) log.error(`configuration: ${problemLine(problem)}`);
  const key = openDeviceKey(stateFolder, (message) => log.error(message));

  const sureClock = new SureClock(stateFolder, clock, (error) =>
    log.error({ error }, "by how much the clock is not to be trusted could not be kept"),
  );
  const checked = checkCertificate(config.gateway.tls, sureClock.wallMs());
  if (typeof checked === "string") log.error(`phones are left to find the portal by themselves: ${checked}`);
  const certificate = mode === "bench" || typeof checked === "string" ? undefined : checked;
  const net = planGuestNetwork(config.gateway, key.hash, ipv4NetworksInUse(config.gateway.bridge));

  const journal = new Journal(join(stateFolder, "journal.sqlite"), clock, config.log.journal_entries);
  const foundJournal = journal.open();
  const { setAside, volatile } = foundJournal;
  if (setAside) log.error(`the journal could not be read; it is in ${setAside}, and a new one has begun`);
  if (volatile) log.error(`the journal is not kept through a restart: ${volatile}`);
  tellFromNewer(foundJournal, { part: "journal", what: "the journal's entries", journal, log });
  const onBoard = mode === "device";
  // On one machine every box would have the same ports.
  const hasFarServices = onBoard && config.mesh.enabled && config.gateway.far_services;
  const randomId = () => randomBytes(2).readUInt16BE();
  const ways = onBoard
    ? new UplinkWatch({
        ...{ config, journal, log, timers: systemTimers },
        senses: uplinkSenses(systemTimers, randomId, join(runFolder, "uplinks"), log),
      })
    : undefined;
  const backend: GuestBackend = bench
    ? new BenchBackend(bench.address, bench.portalPort)
    : new KernelBackend({
        config: config.gateway,
        net,
        runFolder,
        stateFolder,
        log,
        tlsHost: certificate?.host,
        shapesUplink: !sharesLinks(config, onBoard),
        hasFarServices,
        ...(ways ? { ways } : {}),
      });
  const store = new SessionStore(join(stateFolder, "sessions.sqlite"));
  const gateway = new Gateway({ config: config.gateway, backend, store, journal, clock, log });

  const memberships = new Memberships(stateFolder, key, sureClock, (message) => log.error(message)).open();
  if (bench?.isByLoraAlone) for (const link of config.mesh.invites) memberships.join(link, config.box.name);
  // On a bench the machine's radios are let alone.
  const radios = onBoard
    ? composeRadios({
        config,
        keyHash: key.hash,
        sharedKey: () => firstNetwork(memberships)?.sharedKeys()[0],
        wayOut: {
          isUsable: () => backend.uplinkUsable,
          onChange: (listener) => gateway.onUplinkChange(listener),
        },
        runFolder,
        timers: systemTimers,
        journal,
        log,
      })
    : undefined;
  const uncaughtErrors = new UncaughtErrors({
    log,
    note: (text, detail) => journal.append("box", "unexpected-error", text, detail),
    giveUp: options.giveUp,
    monotonicMs: clock.monotonicMs,
  });
  // What a killed box with a mesh has left of it: before the gateway, which then looks after the same queues.
  const clearTraffic = async () => {
    const { clearLeftovers } = await import("./mesh/traffic/leftovers.ts");
    await clearLeftovers(tryRun, { traffic: true, uplinks: false }, runFolder).catch((error) =>
      log.error({ error }, "what a killed box left could not be removed"),
    );
  };
  const lifecycle = new Lifecycle(
    [
      uncaughtErrors,
      ...(bench?.before ?? []),
      ...(ways ? [ways] : []),
      gateway,
      // As soon as there is a firewall before it.
      ...(radios ? [radios.wifi] : []),
    ],
    log,
  );
  const listen = bench ? [`${bench.address}:${bench.consolePort}`] : config.management.listen;
  let services: Services | undefined;
  return {
    portalUrl: backend.portalUrl,
    get mesh() {
      if (!services) throw new Error("the box has not started yet");
      return services.mesh;
    },
    consoleUrls: listen.map((text) => `http://${text}/`),
    troubles: () =>
      lifecycle
        .status()
        .filter(({ state }) => state !== "running")
        .map(({ name, detail }) => `${name}: ${detail}`),
    async start() {
      radios?.wifi.prepare();
      const detail = { version: VERSION, mode, problems: problems.length };
      await journal.append("box", "started", "", detail).catch(unkept);
      if (onBoard && !sharesLinks(config, onBoard)) await clearTraffic();
      await lifecycle.start();
      try {
        const { composeServices } = await import("./services.ts");
        services = composeServices({
          ...{ options, config, problems, file, key, clock, sureClock, certificate, net, journal },
          ...{ isJournalKept: volatile === undefined, unkept, onBoard, hasFarServices, listen },
          ...{ ways, backend, gateway, memberships, radios },
          parts: () => lifecycle.status(),
        });
      } catch (error) {
        // With an open network alone it would look well to whoever looks after it, and be of no use to anybody.
        log.error({ error }, "the rest of the box cannot be put together");
        options.giveUp();
        throw error;
      }
      await lifecycle.goOn(services.list);
    },
    async stop() {
      await lifecycle.stop();
      services?.close();
      await journal.append("box", "stopped").catch(unkept);
      journal.close();
    },
  };
}

/** Of several networks the one whose radios are joined: the same at all boxes that are in the same ones. */
const firstNetwork = (memberships: Memberships) =>
  memberships.list().sort((a, b) => (a.id < b.id ? -1 : 1))[0];
