import { SourceLimiter } from "../../host/source-limiter.ts";
import {
  type BootstrapPeer,
  CertificateError,
  decodeInviteLink,
  InviteError,
  type Membership,
} from "../../identity/index.ts";
import { slowDown } from "./guest-forms.ts";
import type { Joined, JoinOffer, NotSent, Writer } from "./guest-messages.ts";
import type { WritingLimits } from "./writing-limits.ts";

export interface PeopleAdmissionOptions {
  /** Who becomes a person of the network: everybody who asks, those with an invite, or nobody. */
  people: "open" | "invite" | "closed";
  /** How many in an hour without an invite. */
  perHour: number;
  membership: () => Membership | undefined;
  /** Boxes to begin with, for an invite. */
  bootstrap: () => readonly BootstrapPeer[];
  limits: WritingLimits;
  monotonicMs: () => number;
  told: (kind: string, subject: string, detail?: Record<string, unknown>) => void;
}

const DAY_S = 86_400;
/** What is given on the spot ends: whoever stays comes by again. */
const ADMITTED_S = 90 * DAY_S;
/** An invite to take along, for another device. */
const INVITE_S = 7 * DAY_S;
const KEY_BYTES = 32;

/** Who becomes a person of the network at this box. An SOS and a check-in need none of it. */
export class PeopleAdmission {
  private readonly perHour: SourceLimiter;

  constructor(private readonly options: PeopleAdmissionOptions) {
    const { perHour, monotonicMs } = options;
    const limits = { burst: perHour, perSecond: perHour / 3_600, totalPerSecond: perHour, maxSources: 1 };
    this.perHour = new SourceLimiter(limits, monotonicMs());
  }

  /** undefined where nobody becomes one here. */
  offer(): JoinOffer | undefined {
    const { people, membership: current } = this.options;
    const membership = current();
    if (people === "closed" || membership === undefined || membership.problem !== undefined) return undefined;
    const mayAdmit = membership.invitable.includes("person") || membership.self.grants.includes("person");
    return { network: membership.name, needsInvite: people === "invite" || !mayAdmit };
  }

  /**
   * Certifies the key that a person's page shows.
   * @param invite a link, "" for none
   */
  async join({ station }: Writer, key: Uint8Array, name: string, invite: string): Promise<Joined | NotSent> {
    const { limits, membership: current, told } = this.options;
    const [offer, membership] = [this.offer(), current()];
    if (!offer || !membership)
      return { refused: "blocked", detail: "nobody becomes a person of a network here" };
    if (key.length !== KEY_BYTES)
      return { refused: "form", detail: `join.key: is not ${KEY_BYTES} bytes long` };
    if (offer.needsInvite && invite === "") return { refused: "form", detail: "join.invite: is missing" };
    if (!limits.takes("person", station)) return slowDown();
    if (invite === "" && !this.perHour.takes("", this.options.monotonicMs())) return slowDown();
    try {
      const chain =
        invite === ""
          ? membership.admit(key, { role: "person", name, expiresS: ADMITTED_S })
          : this.admitBy(membership, invite, key, name);
      told("person-joined", Buffer.from(key).toString("hex"), { by: invite === "" ? "portal" : "invite" });
      return { network: membership.name, chain };
    } catch (error) {
      return refusal(error);
    }
  }

  /** An invite for one, for the app or another device of the same person. */
  async takeAlong({ station }: Writer): Promise<{ network: string; link: string } | NotSent> {
    const { limits, membership: current, bootstrap, told } = this.options;
    const [offer, membership] = [this.offer(), current()];
    if (!offer || offer.needsInvite || !membership?.invitable.includes("person"))
      return { refused: "blocked", detail: "this box gives no invites" };
    if (!limits.takes("person", station) || !this.perHour.takes("", this.options.monotonicMs()))
      return slowDown();
    try {
      const link = membership.invite({ role: "person", uses: 1, expiresS: INVITE_S, peers: bootstrap() });
      told("person-invited", station);
      return { network: membership.name, link };
    } catch (error) {
      return refusal(error);
    }
  }

  private admitBy(membership: Membership, link: string, key: Uint8Array, name: string): Uint8Array {
    const invite = decodeInviteLink(link);
    if (invite.role !== "person") throw new InviteError("link", `is for a ${invite.role}`);
    return membership.admitBy(invite, key, name);
  }
}

function refusal(error: unknown): NotSent {
  if (error instanceof InviteError || error instanceof CertificateError)
    return { refused: "form", detail: `join.${error.message}` };
  throw error;
}
