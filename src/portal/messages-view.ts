import {
  type MessagesStatus,
  type OperatorMessages,
  type OutboxEntry,
  type Reported,
  type ShownNotice,
  type ShownPost,
  type ShownSos,
  SQUARE,
} from "../messages/index.ts";

/** What the operator's page of messages shows. */
export interface MessagesView {
  status: MessagesStatus;
  /** Those that nobody has answered first. */
  sos: ShownSos[];
  notices: ShownNotice[];
  reported: Reported[];
  /** The newest of the town square. */
  posts: ShownPost[];
  outbox: OutboxEntry[];
  blocked: string[];
}

const MOST_SHOWN = 100;

export function messagesView(messages: OperatorMessages): MessagesView {
  return {
    status: messages.status(),
    sos: messages
      .sosBoard()
      .toSorted((a, b) => Number(a.state === "acknowledged") - Number(b.state === "acknowledged"))
      .slice(0, MOST_SHOWN),
    notices: messages.notices().slice(0, MOST_SHOWN),
    reported: messages.reported().slice(0, MOST_SHOWN),
    posts: messages.posts(SQUARE).items.slice(0, MOST_SHOWN),
    outbox: messages.outbox().slice(0, MOST_SHOWN),
    blocked: messages.blocked().slice(0, MOST_SHOWN),
  };
}
