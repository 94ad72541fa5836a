import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { type Document, openDocument } from "../store/index.ts";
import type { MembershipStore } from "./credentials.ts";
import { type MembershipData, membershipDocument } from "./membership-document.ts";

type Kept = Document<{ membership: MembershipData | null }>;

/**
 * Opens one network's document, in a folder that the daemon alone can read.
 * @returns its membership where there is a whole one
 */
export function openMembershipFile(
  path: string,
  told: (message: string) => void,
): { document: Kept; data: MembershipData | undefined } {
  const document = openDocument(path, membershipDocument, () => ({ membership: null }));
  for (const aside of document.setAside)
    told(`a network's document was torn; what is left of it is in ${aside}`);
  return { document, data: document.data.membership ?? undefined };
}

/** A membership on the medium. What cannot be written is told and holds until the restart: the box goes on. */
export class MembershipFile implements MembershipStore {
  constructor(
    private readonly path: string,
    private readonly document: Kept,
    private held: MembershipData,
    private readonly told: (message: string) => void,
  ) {}

  get data(): MembershipData {
    return this.held;
  }

  update(change: (data: MembershipData) => void): void {
    const next = structuredClone(this.held);
    change(next);
    this.held = next;
    this.write();
  }

  /** @param copies 2 where there was no document before: a torn one is then not the only one */
  write(copies = 1): void {
    try {
      const folder = dirname(this.path);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      chmodSync(folder, 0o700);
      for (let copy = 0; copy < copies; copy += 1) {
        this.document.update((data) => {
          data.membership = this.held;
        });
      }
    } catch (error) {
      this.told(
        `network ${this.held.name} is not kept: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
