import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CONSOLE_PORT, type Config, problemLine } from "./config/index.ts";
import { OperatorDesk } from "./first-boot/claim/operator-desk.ts";
import { sealedExport } from "./first-boot/export/sealed-export.ts";
import { isFlashed } from "./first-boot/flashed.ts";
import {
  BenchBackend,
  checkCertificate,
  FarServices,
  Gateway,
  type GuestBackend,
  KernelBackend,
  planGuestNetwork,
  RoamingPart,
  SessionStore,
  StatementStore,
  UplinkWatch,
  uplinkSenses,
} from "./gateway/index.ts";
import type { Mode } from "./host/box-places.ts";
import { systemClock } from "./host/clock.ts";
import { Lifecycle } from "./host/lifecycle.ts";
import type { Logger } from "./host/log.ts";
import { OMERTA_BOX } from "./host/own-program.ts";
import type { Part } from "./host/part.ts";
import { ipv4NetworksInUse } from "./host/proc-net.ts";
import { systemTimers } from "./host/timers.ts";
import { UncaughtErrors } from "./host/uncaught-errors.ts";
import { Memberships, openDeviceKey } from "./identity/index.ts";
import { LoraPart, LoraTexts, linkAddressOf, listUsbLines, systemBootClock, textCode } from "./lora/index.ts";
import { composeMesh, LoraLink, type MeshControl, peerIdOf, sharesLinks } from "./mesh/index.ts";
import { MessagesPart } from "./messages/index.ts";
import { ConsolePart, PortalPart, portalFacts, WELL_PATH, wiredListensHere } from "./portal/index.ts";
import { Journal, loadKeptConfig, tellFromNewer } from "./store/index.ts";
import { builtAt, networkReading, SureClock, TimePart } from "./time/index.ts";
import { composeUpdate } from "./update/index.ts";
import { VERSION } from "./version.ts";
import { policyOf } from "./vm/admission/index.ts";
import { LendingPart } from "./vm/compose/index.ts";
import { readSensors } from "./vm/host-first/index.ts";
import { BlockedRequesters, lendsNothing, type Names } from "./vm/operator/index.ts";
import { LeaseMesh, LeasePaths } from "./vm/wire/index.ts";
import { composeRadios } from "./wifi/compose-radios.ts";

export interface BoxOptions {
  mode: Mode;
  configFile: string | undefined;
  /** What survives a restart. */
  stateFolder: string;
  /** Sockets, process ids and generated files, gone after a restart. */
  runFolder: string;
  log: Logger;
  /** Ends the process, as one that failed. */
  giveUp: () => void;
  /** Bench mode: no root, no radios. */
  bench?: BenchOptions;
  /** Goes before what the configuration calls the box. */
  name?: string;
  /** Invites to join by, beside those of the configuration. */
  invites?: readonly string[];
}

export interface BenchOptions {
  address: string;
  /** Where the portal and the operator's page listen. */
  portalPort: number;
  consolePort: number;
  /** The serial line of a virtual LoRa case on Europe's usual channel; undefined: the box has none. */
  loraPort: string | undefined;
  /** Boxes that LoRa alone connects: this one has no mesh. It belongs to the networks of its invites all the same. */
  isByLoraAlone?: boolean;
  /** What runs beside the box's own parts: before them, and after them. */
  before?: readonly Part[];
  after?: (lora: LoraPart) => readonly Part[];
}

export interface Box {
  /** The portal as a guest opens it. */
  portalUrl: string;
  /** The operator's page. */
  consoleUrls: string[];
  /** The other boxes. */
  mesh: MeshControl;
  /** Parts that do not run as they should, in words. */
  troubles(): string[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Composition root: the configuration in, parts put together, started in order and stopped in reverse. */
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

  const facts = () =>
    portalFacts({
      ...{ config, backend, gateway },
      farServices: farServices?.list() ?? [],
      demoMinutes: lending?.demoMinutes(),
      asksTime: timekeeper.asksPhones(),
      isConfigBroken: problems.length > 0,
      tlsHost: certificate?.host,
    });
  const time = { clock, timers: systemTimers, bootClock: systemBootClock(), random: Math.random };
  const lora = new LoraPart({
    ...time,
    config: bench ? benchLora(config.lora, bench.loraPort) : config.lora,
    address: linkAddressOf(key.hash),
    stateFolder,
    // On a machine that is no box, what is plugged in is let alone.
    list: bench ? async () => [] : listUsbLines,
    journal,
    log,
    code: textCode,
  });
  const texts = new LoraTexts(lora, clock);
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
  // On a bench the machine's libvirt is let alone.
  const lending =
    onBoard && config.vm.enabled
      ? new LendingPart({
          config: config.vm,
          command: OMERTA_BOX,
          blocked: BlockedRequesters.open(join(stateFolder, "blocked-requesters.json")),
          names: memberNames(memberships),
          forbidden: [`${net.ipv4.network}/${net.ipv4.prefix}`],
          bootClock: systemBootClock(),
          timers: systemTimers,
          ...{ stateFolder, runFolder, journal, clock, memberships, randomBytes, log },
        })
      : undefined;
  const { mesh, parts, clearLeftovers } = composeMesh({
    config,
    onBoard,
    ways,
    forbidden: [`${net.ipv4.network}/${net.ipv4.prefix}`, `${net.ipv6.network}/${net.ipv6.prefix}`],
    memberships,
    stateFolder,
    runFolder,
    lora: new LoraLink(lora, linkAddressOf(key.hash)),
    services: () =>
      config.gateway.services.map(({ name, port, protocol, path }) => ({
        name,
        port,
        // By this the others know that their guests may come.
        ...(config.gateway.far_services && protocol === "tcp" ? { path } : {}),
      })),
    capability: () => lending?.forRecord(),
    timers: systemTimers,
    random: Math.random,
    randomBytes,
    journal,
    log,
  });
  const timekeeper = new TimePart({
    leastPhones: config.time.phones,
    // Elsewhere the clock is somebody's, and this machine's other work goes by it.
    setsClock: onBoard && isFlashed(),
    builtMs: builtAt(),
    runFolder,
    network: networkReading,
    radios: () => lora.clocks(),
    networks: mesh,
    ...{ clock, sureClock, journal, log },
    bootClock: systemBootClock(),
    timers: systemTimers,
  });
  // On one machine every box has the same stations.
  const roaming =
    onBoard && config.mesh.enabled && config.gateway.roaming
      ? new RoamingPart({
          gateway,
          networks: mesh,
          store: new StatementStore(join(stateFolder, "roaming.sqlite")),
          peerIdOf,
          consentMinutes: config.gateway.consent_minutes,
          timers: systemTimers,
          random: Math.random,
          journal,
          log,
        })
      : undefined;
  const farServices = hasFarServices
    ? new FarServices({
        gateway,
        networks: mesh,
        addresses: [net.ipv4.address, net.ipv6.address],
        ownPorts: () =>
          config.gateway.services.filter(({ protocol }) => protocol === "tcp").map(({ port }) => port),
        timers: systemTimers,
        log,
      })
    : undefined;
  const messages = config.messages.enabled
    ? new MessagesPart({
        ...time,
        config: config.messages,
        boxName: config.box.name,
        stateFolder,
        device: key,
        memberships,
        networks: mesh,
        lora: config.messages.lora ? { part: lora, address: linkAddressOf(key.hash) } : undefined,
        onUplinkChange: (listener) => gateway.onUplinkChange(listener),
        timekeeper,
        randomBytes,
        journal,
        log,
      })
    : undefined;
  const portal = new PortalPart({
    gateway,
    facts,
    ...(messages ? { messages: messages.guests } : {}),
    ...(lending ? { demos: lending } : {}),
    onFactsChange: (listener) => {
      const ends = [
        farServices?.onChange(listener),
        lending?.onChange(listener),
        timekeeper.onAsking(listener),
      ];
      return () => {
        for (const end of ends) end?.();
      };
    },
    phoneSays: (station, wallMs) => timekeeper.phoneSays(station, wallMs),
    certificate,
    runFolder,
    log,
  });
  const update = onBoard
    ? composeUpdate({
        ...{ stateFolder, journal, clock, log },
        config: config.update,
        networks: mesh,
        isJournalKept: volatile === undefined,
        portal: {
          listens: backend.portalListens,
          ...{ name: new URL(backend.portalUrl).host, path: WELL_PATH },
        },
        parts: () => lifecycle.status(),
        openSos: () => messages?.operator.sosBoard().length ?? 0,
        power: () => readSensors().power,
        isClockKnown: () => timekeeper.isTrusted(),
        timers: systemTimers,
      })
    : undefined;
  const { sign_in, wires } = config.management;
  const listen = bench ? [`${bench.address}:${bench.consolePort}`] : config.management.listen;
  const toldOfOperator = (message: string) => {
    log.warn(message);
    void journal.append("console", "operator", message).catch(unkept);
  };
  // On a bench whoever is at this machine is its operator.
  const operator =
    onBoard && sign_in
      ? new OperatorDesk({
          ...{ stateFolder, randomBytes, monotonicMs: clock.monotonicMs },
          told: toldOfOperator,
        })
      : undefined;
  const uncaughtErrors = new UncaughtErrors({
    log,
    note: (text, detail) => journal.append("box", "unexpected-error", text, detail),
    giveUp: options.giveUp,
    monotonicMs: clock.monotonicMs,
  });
  const lifecycle: Lifecycle = new Lifecycle(
    [
      uncaughtErrors,
      ...(bench?.before ?? []),
      ...(ways ? [ways] : []),
      gateway,
      // As soon as there is a firewall before it.
      ...(radios ? [radios.wifi] : []),
      ...(roaming ? [roaming] : []),
      ...(farServices ? [farServices] : []),
      ...(messages ? [messages] : []),
      portal,
      lora,
      timekeeper,
      ...(radios?.batman ? [radios.batman] : []),
      ...parts,
      new ConsolePart({
        listen,
        ...(onBoard && wires ? { wires: () => wiredListensHere(CONSOLE_PORT) } : {}),
        ...(operator ? { operator } : {}),
        exportAll: (passphrase) =>
          sealedExport({
            ...{ stateFolder, passphrase, wallMs: clock.wallMs() },
            lost: ({ path, why }) => log.error(`${path} is not in the export: ${why}`),
          }),
        canReset: onBoard && isFlashed(),
        runFolder,
        source: {
          name: config.box.name,
          version: VERSION,
          mode,
          hasOperator: operator !== undefined,
          config: { file: file ?? null, problems },
          parts: () => lifecycle.status(),
          gateway,
          wifi: radios?.wifi,
          uplinks: ways,
          time: timekeeper,
          update,
          lora: texts,
          mesh: mesh.desk,
          messages: messages?.operator,
          compute: lending?.operator ?? lendsNothing(whyNothingIsLent(onBoard), policyOf(config.vm)),
          journal,
          monotonicMs: clock.monotonicMs,
        },
      }),
      // So late, for it is for others, and to try what the processor can do may take a while.
      ...(lending
        ? [
            lending,
            new LeaseMesh({ desk: lending.desk, networks: mesh, timers: systemTimers, log }),
            new LeasePaths({ lender: lending, networks: mesh, log }),
          ]
        : []),
      // It judges the parts before it.
      ...(update ? [update] : []),
      ...(bench?.after?.(lora) ?? []),
    ],
    log,
  );
  return {
    portalUrl: backend.portalUrl,
    mesh: mesh.desk,
    consoleUrls: listen.map((text) => `http://${text}/`),
    troubles: () =>
      lifecycle
        .status()
        .filter(({ state }) => state !== "running")
        .map(({ name, detail }) => `${name}: ${detail}`),
    async start() {
      const detail = { version: VERSION, mode, problems: problems.length };
      await journal.append("box", "started", "", detail).catch(unkept);
      await clearLeftovers().catch((error) =>
        log.error({ error }, "what a killed box left could not be removed"),
      );
      radios?.wifi.prepare();
      await lifecycle.start();
    },
    async stop() {
      await lifecycle.stop();
      texts.close();
      await journal.append("box", "stopped").catch(unkept);
      journal.close();
    },
  };
}

const whyNothingIsLent = (onBoard: boolean): string =>
  onBoard ? "it is switched off (vm.enabled)" : "it runs on a bench, beside this machine’s other work";

/** As their networks call them. */
const memberNames = (memberships: Memberships): Names => ({
  requester: (key, network) =>
    network === undefined
      ? undefined
      : memberships.get(network)?.knownMember(Uint8Array.from(Buffer.from(key, "hex")))?.name || undefined,
  network: (id) => memberships.get(id)?.name,
});

/** Of several networks the one whose radios are joined: the same at all boxes that are in the same ones. */
const firstNetwork = (memberships: Memberships) =>
  memberships.list().sort((a, b) => (a.id < b.id ? -1 : 1))[0];

/** The virtual air is Europe's, and both cases are on its usual channel. */
const benchLora = (lora: Config["lora"], port: string | undefined): Config["lora"] => ({
  ...lora,
  region: "EU868",
  frequency_khz: 0,
  preset: "LongFast",
  ports: [...lora.ports, ...(port === undefined ? [] : [port])],
});
