import type { Answer } from "./answers.ts";
import type { Command, Outcome } from "./command-queue.ts";
import { askMessage } from "./requests.ts";

export interface MailboxOptions {
  run: <T>(command: Command<T>, done: (outcome: Outcome<T>) => void) => void;
  onMessage: (message: Answer) => void;
}

/** The radio keeps what it received until it is asked, one message after the other. */
export class Mailbox {
  private emptying = false;
  private moreCame = false;

  constructor(private readonly options: MailboxOptions) {}

  /** Asks until there are no more messages. May be called again at any time. */
  empty(): void {
    this.moreCame = true;
    if (this.emptying) return;
    this.emptying = true;
    this.moreCame = false;
    this.options.run(askMessage(), (outcome) => {
      this.emptying = false;
      if ("error" in outcome) return;
      const { result } = outcome;
      if (result.kind !== "no-more-messages") {
        this.empty();
        this.options.onMessage(result);
      } else if (this.moreCame) this.empty();
    });
  }
}
