/** What becomes of a machine, told to the page. */
export interface ConsoleListener {
  /** The screen begins anew: what comes is all that is kept. */
  begins(secondsLeft: number): void;
  out(bytes: Uint8Array): void;
  /** Whether the box is heard. */
  reachable(isReachable: boolean): void;
  ended(why: string): void;
}

const OCTETS = "application/octet-stream";
/** What the box takes at once. */
const MAX_KEYS_BYTES = 4_096;
const AGAIN_MS = 1_000;

/** The console of a machine at the box: its screen by server-sent events, its keys by posts, one after the other. */
export class BoxConsole {
  private readonly source: EventSource;
  private unsent: number[] = [];
  private isSending = false;
  private isOver = false;

  constructor(
    private readonly id: string,
    private readonly listener: ConsoleListener,
  ) {
    this.source = new EventSource(`/demo/events?id=${id}`);
    this.source.addEventListener("left", ({ data }) => {
      listener.reachable(true);
      listener.begins(Number(data));
    });
    this.source.addEventListener("out", ({ data }) => {
      listener.out(Uint8Array.from(atob(String(data)), (letter) => letter.charCodeAt(0)));
    });
    this.source.addEventListener("ended", ({ data }) => this.over(String(data)));
    this.source.addEventListener("error", () => {
      if (this.isOver) return;
      listener.reachable(false);
      // The box has said that there is no such machine any more: the browser does not ask again.
      if (this.source.readyState === EventSource.CLOSED) this.over("machine");
    });
  }

  type(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.unsent.push(...bytes);
    void this.send();
  }

  /** Deletes the machine. Works while the page is closed, too. */
  leave(): void {
    if (this.isOver) return;
    this.close();
    navigator.sendBeacon(`/demo/leave?id=${this.id}`, new Blob([], { type: OCTETS }));
  }

  private async send(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    while (this.unsent.length > 0 && !this.isOver) {
      const keys = this.unsent.slice(0, MAX_KEYS_BYTES);
      const isTaken = await this.post(new Uint8Array(keys));
      if (isTaken) this.unsent.splice(0, keys.length);
      else await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    this.isSending = false;
  }

  private async post(body: Uint8Array<ArrayBuffer>): Promise<boolean> {
    try {
      const headers = { "Content-Type": OCTETS };
      return (await fetch(`/demo/keys?id=${this.id}`, { method: "POST", body, headers })).ok;
    } catch {
      return false;
    }
  }

  private over(why: string): void {
    this.close();
    this.listener.ended(why);
  }

  private close(): void {
    this.isOver = true;
    this.source.close();
  }
}
