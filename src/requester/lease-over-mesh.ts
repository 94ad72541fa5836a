import type { Logger } from "../host/log.ts";
import { encodeLeaseAsk, type LeaseAsk } from "../vm/request/index.ts";
import { boundedBody, followLines } from "./followed-lines.ts";
import { LeaseAnswerError, readAnswer, readCommandAnswer, readNews } from "./lease-answers.ts";
import type { LeasePassport } from "./lease-sealed.ts";
import type { CommandAnswer, LeaseAnswer, LeaseTransport, ProviderNews } from "./lease-transport.ts";
import { leadTunnel } from "./led-tunnel.ts";
import { MeshSocket, objectOf } from "./mesh-socket.ts";
import type { LedEnd } from "./vpn-peer.ts";

export interface LeaseOverMeshOptions {
  /** Of the mesh of this machine's box. */
  socket: string;
  network: string;
  /** Peer id, in that network. */
  peer: string;
  /** The requester's own certificates; undefined: the box of this machine vouches for it. */
  passport: Pick<LeasePassport, "chain" | "take"> | undefined;
  log: Logger;
}

/** To reach a box takes up to half a minute, and what it answers some more. */
const TIMEOUT_MS = 45_000;

/** The way to a box by the mesh, through the box that runs on this machine. Neither's address need be known. */
export class LeaseOverMesh implements LeaseTransport {
  private readonly mesh: MeshSocket;

  constructor(private readonly options: LeaseOverMeshOptions) {
    this.mesh = new MeshSocket(options.socket);
  }

  async request(bytes: Uint8Array): Promise<LeaseAnswer> {
    const { passport, log } = this.options;
    const { answer, certificates } = readAnswer(
      await this.ask({ kind: "request", bytes, chain: passport?.chain() }),
    );
    try {
      if (certificates !== undefined) passport?.take(certificates);
    } catch (error) {
      log.warn({ error }, "a box has sent certificates that do not hold");
    }
    return answer;
  }

  async command(bytes: Uint8Array): Promise<CommandAnswer> {
    return readCommandAnswer(await this.ask({ kind: "command", bytes }));
  }

  events(lease: string, told: (news: ProviderNews) => void): () => void {
    return followLines({
      open: async (signal) => {
        const { body } = await this.post({ kind: "events", lease }, signal);
        if (body === null) throw new LeaseAnswerError("the mesh answers nothing");
        return body;
      },
      line: (text) => {
        const news = readNews(frameOf(text));
        if (news) told(news);
      },
      what: `news of lease ${lease}`,
      log: this.options.log,
    });
  }

  lead(lease: string, end: LedEnd): () => void {
    const { socket, network, peer, log } = this.options;
    return leadTunnel({ socket, network, peer, lease, end, log });
  }

  private async ask(ask: LeaseAsk): Promise<string> {
    const response = await this.post(ask, AbortSignal.timeout(TIMEOUT_MS));
    const [line = ""] = new TextDecoder().decode(await boundedBody(response)).split("\n");
    if (line === "") throw new LeaseAnswerError("the box has answered nothing");
    return frameOf(line);
  }

  private post(ask: LeaseAsk, signal: AbortSignal): Promise<Response> {
    const { network, peer } = this.options;
    const frame = Buffer.from(encodeLeaseAsk(ask)).toString("base64");
    return this.mesh.post("/v1/streams", { network, peer, protocol: "lease", frame }, signal);
  }
}

/** What one line of the mesh's socket has brought. @throws {LeaseAnswerError} when the stream has ended by an error */
function frameOf(line: string): string {
  const said = objectOf(line);
  if (typeof said.frame === "string") return Buffer.from(said.frame, "base64").toString();
  throw new LeaseAnswerError(`the mesh: ${typeof said.error === "string" ? said.error : "no frame"}`);
}
