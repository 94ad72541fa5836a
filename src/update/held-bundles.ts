import type { Logger } from "../host/log.ts";
import type { BundleShelf, ShelvedBundle } from "./bundle/bundle-shelf.ts";
import { type BundleFacts, RefusedError, type RunningImage } from "./bundle/rauc-bundle.ts";
import type { OfferedBundle } from "./neighbours/update-frames.ts";
import type { UpdateState } from "./update-state.ts";
import { compareVersions, isVersion } from "./version.ts";

export interface HeldBundlesOptions {
  shelf: BundleShelf;
  running: RunningImage;
  state: () => UpdateState;
  /** What a file says that it is. @throws {RefusedError} */
  check: (path: string) => Promise<BundleFacts>;
  log: Logger;
}

interface Held extends ShelvedBundle {
  facts: BundleFacts;
}

/** The bundles that this box has, whole and good: what it may install, and what it gives to others. */
export class HeldBundles {
  private readonly held = new Map<string, Held>();

  constructor(private readonly options: HeldBundlesOptions) {}

  has(id: string): boolean {
    return this.held.has(id);
  }

  /** Whether a version is newer than what runs and all that is here. */
  isNews(version: string): boolean {
    const { running } = this.options;
    const known = [running.version, ...[...this.held.values()].map(({ facts }) => facts.version)].filter(
      isVersion,
    );
    return isVersion(version) && known.every((one) => compareVersions(version, one) > 0);
  }

  /**
   * Takes one from the shelf.
   * @param known what it says that it is, where it has been asked already
   * @returns the same; undefined when it is of no use, and gone then
   */
  async take(bundle: ShelvedBundle, known?: BundleFacts): Promise<BundleFacts | undefined> {
    const { shelf, running, log } = this.options;
    try {
      const facts = known ?? (await this.options.check(bundle.path));
      if (facts.compatible !== running.compatible || !isVersion(facts.version))
        throw new RefusedError("board", "it is of no use for this box");
      this.held.set(bundle.id, { ...bundle, facts });
      return facts;
    } catch (error) {
      if (error instanceof RefusedError) shelf.discard(bundle.path);
      log.info({ error }, "a bundle that was kept is of no use any more");
      return undefined;
    }
  }

  /** What runs is kept for neighbours, what is to run for this box; the newest if there are more. What did not do here is for nobody. */
  tidy(): void {
    const { running, state, shelf } = this.options;
    const isRefused = ({ id }: Held) => state().refused.some((one) => one.id === id);
    const byAge = [...this.held.values()]
      .filter((one) => !isRefused(one))
      .sort((a, b) => compareVersions(b.facts.version, a.facts.version));
    const wanted = byAge.filter(
      ({ id, facts }, index) =>
        index === 0 || facts.version === running.version || id === state().candidate?.id,
    );
    shelf.keepOnly(wanted.map(({ id }) => id));
    for (const id of [...this.held.keys()]) if (!wanted.some((one) => one.id === id)) this.held.delete(id);
  }

  offered(): OfferedBundle[] {
    return [...this.held.values()].map(({ id, bytes, facts }) => ({
      id: Buffer.from(id, "hex"),
      bytes,
      compatible: facts.compatible,
      version: facts.version,
    }));
  }

  /** A piece of one. @throws when it is not here */
  read(id: Uint8Array, offset: number, length: number): Uint8Array {
    const bundle = this.held.get(Buffer.from(id).toString("hex"));
    if (!bundle) throw new Error("this bundle is not here");
    return this.options.shelf.read(bundle.path, offset, length);
  }
}
