import type { ConfigProblem } from "../config/index.ts";
import type { Gateway, SessionState, UplinkView, UplinkWatch } from "../gateway/index.ts";
import type { PartStatus } from "../host/part.ts";
import type { LoraTexts, LoraView } from "../lora/index.ts";
import type { MeshControl, NetworkStatus, PeerStatus } from "../mesh/index.ts";
import type { MessagesStatus, OperatorMessages, ShownSos } from "../messages/index.ts";
import type { Journal, JournalEntry } from "../store/index.ts";
import type { TimePart, TimeView } from "../time/index.ts";
import type { UpdateView } from "../update/index.ts";
import type { OperatedCompute } from "../vm/operator/index.ts";
import type { WifiPart, WifiView } from "../wifi/air/index.ts";
import type { UpdateDesk } from "./operator-update-api.ts";

/** What an operator sees of the box. */
export interface BoxStatus {
  name: string;
  version: string;
  mode: string;
  uptimeSeconds: number;
  /** The page is the operator's alone: it leads to where the password is changed. Absent: everybody sees it. */
  hasOperator?: boolean;
  config: { file: string | null; problems: readonly ConfigProblem[] };
  parts: ({ name: string } & PartStatus)[];
  guests: {
    mac: string;
    ipv4: string;
    state: SessionState;
    language: string;
    /** The box at which its owner agreed; "" for this one. */
    from: string;
    secondsLeft: number;
  }[];
  guestsByState: Record<SessionState, number>;
  /** undefined where the machine's radios are not the box's business. */
  wifi?: WifiView | undefined;
  /** The ways to the internet; undefined where the machine's are left as they are. */
  uplinks?: UplinkView[] | undefined;
  /** What time it is, and who says so. */
  time?: TimeView | undefined;
  /** undefined on a machine that was not made from an image. */
  update?: UpdateView | undefined;
  lora: LoraView;
  mesh: { networks: NetworkStatus[]; peers: PeerStatus[] };
  /** undefined where messages are switched off. */
  messages: { status: MessagesStatus; sos: ShownSos[] } | undefined;
  /** What is lent, in numbers; undefined where nobody asks for it. */
  compute?: ComputeCounts | undefined;
  journal: JournalEntry[];
}

export interface ComputeCounts {
  /** Why nothing is lent, in words. */
  lendsNothing?: string;
  leases: number;
  waiting: number;
  /** How many of those that wait do so for the operator. */
  toAnswer: number;
}

export interface StatusSource {
  name: string;
  version: string;
  mode: string;
  hasOperator?: boolean;
  config: BoxStatus["config"];
  parts: () => BoxStatus["parts"];
  gateway: Gateway;
  wifi?: Pick<WifiPart, "view"> | undefined;
  uplinks?: Pick<UplinkWatch, "view"> | undefined;
  time?: Pick<TimePart, "view"> | undefined;
  update?: UpdateDesk | undefined;
  lora: Pick<LoraTexts, "view" | "send">;
  mesh: Pick<MeshControl, "networks" | "peers">;
  messages: OperatorMessages | undefined;
  compute?: OperatedCompute | undefined;
  journal: Journal;
  monotonicMs: () => number;
}

const MAX_GUESTS_SHOWN = 200;
const MAX_PEERS_SHOWN = 200;
const SOS_SHOWN = 20;
const JOURNAL_SHOWN = 30;

export function boxStatus(source: StatusSource, startedMs: number): BoxStatus {
  const nowMs = source.monotonicMs();
  const sessions = source.gateway.sessions.all();
  const guestsByState = { new: 0, shown: 0, consented: 0, released: 0, expired: 0 };
  for (const { state } of sessions) guestsByState[state] += 1;
  const guests = sessions
    .sort((a, b) => b.seenAtMs - a.seenAtMs)
    .slice(0, MAX_GUESTS_SHOWN)
    .map(({ mac, ipv4, state, language, from, endsAtMs }) => ({
      mac,
      ipv4,
      state,
      language,
      from,
      secondsLeft: endsAtMs === 0 ? 0 : Math.max(0, Math.ceil((endsAtMs - nowMs) / 1000)),
    }));
  return {
    name: source.name,
    version: source.version,
    mode: source.mode,
    ...(source.hasOperator ? { hasOperator: true } : {}),
    uptimeSeconds: Math.floor((nowMs - startedMs) / 1000),
    config: source.config,
    parts: source.parts(),
    guests,
    guestsByState,
    wifi: source.wifi?.view(),
    uplinks: source.uplinks?.view(),
    time: source.time?.view(),
    update: source.update?.view(),
    lora: source.lora.view(),
    mesh: { networks: source.mesh.networks(), peers: source.mesh.peers().slice(0, MAX_PEERS_SHOWN) },
    messages: source.messages && {
      status: source.messages.status(),
      sos: source.messages.sosBoard().slice(0, SOS_SHOWN),
    },
    compute: source.compute && computeCounts(source.compute),
    journal: source.journal.tail(JOURNAL_SHOWN),
  };
}

function computeCounts(compute: OperatedCompute): ComputeCounts {
  const { lendsNothing, leases, waiting } = compute.view();
  const toAnswer = waiting.filter(({ waitsFor }) => waitsFor === "operator").length;
  return {
    ...(lendsNothing === undefined ? {} : { lendsNothing }),
    ...{ leases: leases.length, waiting: waiting.length, toAnswer },
  };
}
