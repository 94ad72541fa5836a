import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { BoxOptions } from "./box-options.ts";
import { CONSOLE_PORT, type Config, type ConfigProblem } from "./config/index.ts";
import { OperatorDesk } from "./first-boot/claim/operator-desk.ts";
import { sealedExport } from "./first-boot/export/sealed-export.ts";
import { isFlashed } from "./first-boot/flashed.ts";
import {
  FarServices,
  type Gateway,
  type GuestBackend,
  type GuestNetwork,
  type PortalCertificate,
  RoamingPart,
  StatementStore,
  type UplinkWatch,
} from "./gateway/index.ts";
import type { Clock } from "./host/clock.ts";
import type { Lifecycle } from "./host/lifecycle.ts";
import { OMERTA_BOX } from "./host/own-program.ts";
import type { Part } from "./host/part.ts";
import { systemTimers } from "./host/timers.ts";
import type { DeviceKey, Memberships } from "./identity/index.ts";
import { LoraPart, LoraTexts, linkAddressOf, listUsbLines, systemBootClock, textCode } from "./lora/index.ts";
import { composeMesh, LoraLink, type MeshControl, peerIdOf } from "./mesh/index.ts";
import { MessagesPart } from "./messages/index.ts";
import { ConsolePart, PortalPart, portalFacts, WELL_PATH, wiredListensHere } from "./portal/index.ts";
import type { Journal } from "./store/index.ts";
import { builtAt, networkReading, type SureClock, TimePart } from "./time/index.ts";
import { composeUpdate } from "./update/index.ts";
import { VERSION } from "./version.ts";
import { policyOf } from "./vm/admission/index.ts";
import { LendingPart } from "./vm/compose/index.ts";
import { readSensors } from "./vm/host-first/index.ts";
import { BlockedRequesters, lendsNothing, type Names } from "./vm/operator/index.ts";
import { LeaseMesh, LeasePaths } from "./vm/wire/index.ts";
import type { ComposedRadios } from "./wifi/compose-radios.ts";

/** What is there before the services: the open network, and what it shares with them. */
export interface Ground {
  options: BoxOptions;
  config: Config;
  problems: readonly ConfigProblem[];
  file: string | undefined;
  key: DeviceKey;
  clock: Clock;
  sureClock: SureClock;
  certificate: PortalCertificate | undefined;
  net: GuestNetwork;
  journal: Journal;
  isJournalKept: boolean;
  /** Told of what the journal could not keep. */
  unkept: (error: unknown) => void;
  onBoard: boolean;
  hasFarServices: boolean;
  /** Where the operator's page listens. */
  listen: readonly string[];
  ways: UplinkWatch | undefined;
  backend: GuestBackend;
  gateway: Gateway;
  memberships: Memberships;
  radios: ComposedRadios | undefined;
  /** All parts of the box, and how they are. */
  parts(): ReturnType<Lifecycle["status"]>;
}

/** All that a box has beside its open network. */
export interface Services {
  /** In the order in which they start. */
  list: readonly Part[];
  mesh: MeshControl;
  close(): void;
}

/** Puts together what comes after the open network. */
export function composeServices(ground: Ground): Services {
  const { options, config, problems, file, key, clock, sureClock, certificate, net, journal, isJournalKept } =
    ground;
  const { unkept, onBoard, hasFarServices, listen, ways, backend, gateway, memberships, radios } = ground;
  const { mode, stateFolder, runFolder, log, bench } = options;
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
  const { mesh, parts: meshParts } = composeMesh({
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
        isJournalKept,
        portal: {
          listens: backend.portalListens,
          ...{ name: new URL(backend.portalUrl).host, path: WELL_PATH },
        },
        parts: ground.parts,
        openSos: () => messages?.operator.sosBoard().length ?? 0,
        power: () => readSensors().power,
        isClockKnown: () => timekeeper.isTrusted(),
        timers: systemTimers,
      })
    : undefined;
  const { sign_in, wires } = config.management;
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
  const list: Part[] = [
    ...(roaming ? [roaming] : []),
    ...(farServices ? [farServices] : []),
    ...(messages ? [messages] : []),
    portal,
    lora,
    timekeeper,
    ...(radios?.batman ? [radios.batman] : []),
    ...meshParts,
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
        parts: ground.parts,
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
  ];
  return {
    list,
    mesh: mesh.desk,
    close: () => texts.close(),
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

/** The virtual air is Europe's, and both cases are on its usual channel. */
const benchLora = (lora: Config["lora"], port: string | undefined): Config["lora"] => ({
  ...lora,
  region: "EU868",
  frequency_khz: 0,
  preset: "LongFast",
  ports: [...lora.ports, ...(port === undefined ? [] : [port])],
});
