import type {
  CommandAnswer,
  LeaseAnswer,
  LeaseTransport,
  ProviderNews,
} from "../../../src/requester/lease-transport.ts";
import {
  type LeaseCommand,
  type LeaseRequest,
  openLeaseCommand,
  openSignedLeaseRequest,
} from "../../../src/vm/request/index.ts";

/** The wire broke: nobody knows what became of what was on it. */
export class WireBroken extends Error {}

/** A provider in memory, which reads what it gets as a real one does: signatures, serials, whose lease it is. */
export class PlayedProvider implements LeaseTransport {
  readonly requests: LeaseRequest[] = [];
  readonly commands: LeaseCommand[] = [];
  /** Leases that it has, with their requesters. */
  readonly leases = new Map<string, string>();
  /** What comes to it is lost; or only what it answers. */
  broken: "no" | "there" | "back" = "no";
  answer: LeaseAnswer;
  private lastSerial = 0;
  private readonly listeners = new Map<string, (news: ProviderNews) => void>();

  constructor(publicKey: string) {
    this.answer = {
      is: "admitted",
      tunnel: { publicKey, endpoint: { address: "198.51.100.2", port: 51_820 } },
    };
  }

  request(bytes: Uint8Array): Promise<LeaseAnswer> {
    return this.overTheWire(() => {
      const request = openSignedLeaseRequest(bytes);
      this.requests.push(request);
      this.lastSerial = Math.max(this.lastSerial, request.createdAt);
      if (this.answer.is !== "refused") this.leases.set(request.id, request.requester);
      return this.answer;
    });
  }

  command(bytes: Uint8Array): Promise<CommandAnswer> {
    return this.overTheWire(() => {
      const command = openLeaseCommand(bytes);
      const lease = command.kind === "keep-alive" ? (command.leases[0] ?? "") : command.lease;
      if (command.serial <= this.lastSerial)
        return { is: "refused", why: "heard before", beyond: this.lastSerial };
      this.lastSerial = command.serial;
      this.commands.push(command);
      if (this.leases.get(lease) !== command.requester) return { is: "unknown" };
      if (command.kind === "release") this.leases.delete(lease);
      return { is: "done" };
    });
  }

  events(lease: string, told: (news: ProviderNews) => void): () => void {
    this.listeners.set(lease, told);
    return () => this.listeners.delete(lease);
  }

  tell(lease: string, news: ProviderNews): void {
    this.listeners.get(lease)?.(news);
  }

  isListenedTo(lease: string): boolean {
    return this.listeners.has(lease);
  }

  /** A clock that was put back at the requester's looks so from here. */
  hearSerial(serial: number): void {
    this.lastSerial = serial;
  }

  kinds(): string[] {
    return this.commands.map(({ kind }) => kind);
  }

  private async overTheWire<T>(take: () => T): Promise<T> {
    if (this.broken === "there") throw new WireBroken("lost on its way there");
    const answer = take();
    if (this.broken === "back") throw new WireBroken("lost on its way back");
    return answer;
  }
}
