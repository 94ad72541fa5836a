/** What the tests ask the agent in the machine for, each as a line of JSON. */
export type AgentRequest =
  | {
      kind: "start";
      id: number;
      command: readonly string[];
      /** Text for standard input; without it there is none. */
      input: string | undefined;
      env: Record<string, string> | undefined;
      cwd: string | undefined;
      /** Its process group is killed after this long; never where it is not set. */
      timeoutMs: number | undefined;
    }
  | { kind: "signal"; id: number; signal: string };

/** What the agent says. Whatever a program printed comes before its end. */
export type AgentReport =
  | { kind: "ready"; uptimeS: number }
  | { kind: "started"; id: number; pid: number }
  | { kind: "printed"; id: number; stream: "stdout" | "stderr"; text: string }
  /** As a shell counts: 127 when it could not be started, 128 and the signal's number when that ended it. */
  | { kind: "ended"; id: number; exitCode: number };

/** Calls back with each whole line of what is fed to it. */
export function lineReader(take: (line: string) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  };
}
