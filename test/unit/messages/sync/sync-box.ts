import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { BundleId } from "../../../../src/messages/bundle/bundle.ts";
import { MeshSync, type MeshSyncOptions } from "../../../../src/messages/sync/mesh-sync.ts";
import { decodeFrame, type SyncFrame } from "../../../../src/messages/sync/sync-frame.ts";
import { type CapturedLog, capturedLog } from "../../captured-log.ts";
import { type LinkedEngine, LinkedEngines } from "./linked-engines.ts";
import { MemoryCustody } from "./memory-custody.ts";

export interface SyncBox {
  engine: LinkedEngine;
  custody: MemoryCustody;
  sync: MeshSync;
  /** By which bundles went to whom. */
  handedOver: { id: BundleId; peer: string }[];
  log: CapturedLog;
  way: { metered: boolean };
}

/** Boxes in virtual time that are not connected yet. */
export class SyncBoxes {
  readonly time = new VirtualTime();
  readonly engines = new LinkedEngines(this.time);
  readonly random = seededRandom(5);
  private readonly all: SyncBox[] = [];

  /** Of two, the one whose name comes first begins. */
  box(name: string, options: Partial<MeshSyncOptions> = {}): SyncBox {
    const engine = this.engines.engine(name);
    const custody = new MemoryCustody(this.time);
    const handedOver: SyncBox["handedOver"] = [];
    const log = capturedLog();
    const way = { metered: false };
    const sync = new MeshSync({
      engine,
      custody,
      isMetered: () => way.metered,
      handedOver: (id, { peer }) => void handedOver.push({ id, peer }),
      timers: this.time,
      random: this.random,
      log: log.log,
      ...options,
    });
    const box = { engine, custody, sync, handedOver, log, way };
    this.all.push(box);
    return box;
  }

  start(...boxes: readonly SyncBox[]): void {
    for (const { sync } of boxes) sync.start();
  }

  connect(a: SyncBox, b: SyncBox): void {
    this.engines.connect(a.engine, b.engine);
  }

  cut(a: SyncBox, b: SyncBox): void {
    this.engines.cut(a.engine, b.engine);
  }

  /** Frames that were sent, decoded. */
  frames<S extends SyncFrame["says"]>(says: S, from?: SyncBox) {
    return this.engines.sent.flatMap(({ frame, from: by, to, atMs }) => {
      const decoded = decodeFrame(frame);
      if (decoded.says !== says || (from && by !== from.engine.peer)) return [];
      return [{ from: by, to, atMs, frame: decoded as Extract<SyncFrame, { says: S }> }];
    });
  }

  get bytes(): number {
    return this.engines.sent.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

export const sortedIds = ({ custody }: SyncBox): BundleId[] => custody.ids();
