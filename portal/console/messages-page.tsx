/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { NOTICE_LEVELS } from "../../src/messages/index.ts";
import type { MessagesView } from "../../src/portal/messages-view.ts";
import { STATUS_STYLE, uptimeText } from "./status-page.tsx";

export const MESSAGES_STYLE = [
  STATUS_STYLE,
  "article{border:1px solid #8888;border-radius:8px;padding:.7em 1em;margin:.7em 0;overflow-wrap:anywhere}",
  "article.open{border:2px solid #a01212}",
  "article p{margin:.2em 0;white-space:pre-line}",
  "form{display:flex;flex-wrap:wrap;gap:.5em;align-items:end;margin:.5em 0}",
  "label{display:block;flex:1 1 14em}label.l{flex-basis:100%}",
  "summary{cursor:pointer;color:#4b555c}",
  "input,select,textarea{width:100%;font:inherit;padding:.4em;border:1px solid #6b757c;border-radius:6px;background:inherit;color:inherit}",
  "button{font:inherit;padding:.45em 1em;border:1px solid;border-radius:6px;background:none;color:inherit;cursor:pointer}",
  "article p.v{border:2px solid;border-radius:6px;padding:.1em .6em;font-size:.85em}",
  ".ok{border:2px solid #0b6b57;border-radius:8px;padding:.5em 1em}",
  "@media(prefers-color-scheme:dark){article.open{border-color:#ff9a9a}summary{color:#aab4bb}}",
].join("");

type Sos = MessagesView["sos"][number];

/**
 * The operator's page of messages: calls for help first, then notices, what was reported, the town square, and what waits for
 * people outside. Every change is a form: it works without scripts.
 * @param token proves that a form came from this page
 * @param said what became of the last form
 */
export function messagesPage(
  name: string,
  view: MessagesView,
  token: string,
  said?: { ok: boolean; text: string },
): string {
  const { sos, notices, reported, posts, outbox, blocked } = view;
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width,initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${name} · messages`}</title>
          <style>{raw(MESSAGES_STYLE)}</style>
        </head>
        <body>
          <main>
            <h1>{`${name}: messages`}</h1>
            <p>
              <a href="/">Status</a> · <a href="/messages">Look again</a>
            </p>
            {said === undefined ? null : (
              <p class={said.ok ? "ok" : "n"} role="status">
                {said.text}
              </p>
            )}
            <Kept view={view} />
            <h2>Calls for help</h2>
            {sos.length === 0 ? <p>None is open.</p> : sos.map((one) => <SosEntry sos={one} token={token} />)}
            <h2>Notices</h2>
            {notices.map(({ id, level, text, trusted, ageS }) => (
              <article>
                <p class="s">{`${level}, ${uptimeText(ageS)} ago${trusted ? "" : ", by no known member of the network"}`}</p>
                <p dir="auto">{text}</p>
                <TakeAway id={id} token={token} />
              </article>
            ))}
            <NewNotice token={token} />
            <h2>Reported by guests</h2>
            {reported.length === 0 ? <p>Nothing.</p> : null}
            {reported.map(({ id, count, reasons, text }) => (
              <article>
                <p dir="auto">{text}</p>
                <p class="s">
                  {`Reported ${count === 1 ? "once" : `${count} times`}${reasons.length === 0 ? "" : `: ${reasons.join("; ")}`}`}
                </p>
                <TakeAway id={id} token={token} />
              </article>
            ))}
            <h2>Town square</h2>
            {posts.length === 0 ? <p>Nothing has been written.</p> : null}
            {posts.map(({ id, name: author, text, ageS, removed, person, vouchedBy, box }) => (
              <article>
                <Vouched by={vouchedBy} />
                <p class="s">
                  <bdi>{author === "" ? "somebody" : author}</bdi>
                  {`, ${uptimeText(ageS)} ago${person === undefined ? "" : `, ${signedBy(person, vouchedBy)}`}`}
                  {box === undefined ? null : (
                    <>
                      {", at "}
                      <bdi>{box}</bdi>
                    </>
                  )}
                </p>
                {removed === undefined ? (
                  <>
                    <p dir="auto">{text}</p>
                    <TakeAway id={id} token={token} />
                  </>
                ) : (
                  <p class="s" dir="auto">
                    {`Taken away by its ${removed.by}${removed.reason === "" ? "" : `: ${removed.reason}`}`}
                  </p>
                )}
              </article>
            ))}
            <h2>For people outside</h2>
            {outbox.length === 0 ? <p>Nothing waits.</p> : null}
            <ul>
              {outbox.map(({ uri, state, detail, ageS }) => (
                <li>{`${uri}: ${state}, ${uptimeText(ageS)} old${detail === "" ? "" : ` (${detail})`}`}</li>
              ))}
            </ul>
            <h2>Blocked</h2>
            {blocked.length === 0 ? <p>Nobody.</p> : null}
            {blocked.map((who) => (
              <form method="post" action="/messages/unblock">
                <Hidden token={token} values={{ who }} />
                <code>{who}</code>
                <button type="submit">Let write again</button>
              </form>
            ))}
            <form method="post" action="/messages/block">
              <Hidden token={token} values={{}} />
              <label>
                The id of something they wrote, a person’s words or key, or a device’s MAC address
                <input name="who" required maxlength={200} />
              </label>
              <button type="submit">Block</button>
            </form>
          </main>
        </body>
      </html>
    </>
  ).toString();
}

function Kept({ view: { status } }: { view: MessagesView }) {
  const { held, bytes, maxBytes, neighbours } = status;
  const kinds = Object.entries(held).filter(([, count]) => count > 0);
  return (
    <>
      <p class="s">
        {`Kept: ${kinds.map(([priority, count]) => `${count} ${priority}`).join(", ") || "nothing"}; ${mib(bytes)} of ${mib(maxBytes)} MiB.`}
      </p>
      {neighbours.length === 0 ? <p class="s">No other box to exchange with is in reach.</p> : null}
      <ul>
        {neighbours.map(({ name, by, inSync, agoS, waiting }) => (
          <li>
            {`${name} by ${by === "lora" ? "LoRa" : "the mesh"}: ${inSync ? "has the same" : agoS === undefined ? "not compared yet" : `compared ${uptimeText(agoS)} ago`}${waiting === 0 ? "" : `, ${waiting} waiting`}`}
          </li>
        ))}
      </ul>
    </>
  );
}

function SosEntry({ sos, token }: { sos: Sos; token: string }) {
  const {
    id,
    ageS,
    state,
    note,
    text,
    name,
    place,
    people,
    injured,
    batteryPercent,
    contact,
    person,
    vouchedBy,
    box,
  } = sos;
  const isOpen = state !== "acknowledged" && state !== "closed";
  const at = place.at;
  const facts: [string, Child][] = [
    ["Name", name],
    ["Place", place.words],
    ["Position", at ? `${(at.latitudeE6 / 1e6).toFixed(5)}, ${(at.longitudeE6 / 1e6).toFixed(5)}` : ""],
    ["People", people === 0 ? "" : `${people}${injured === 0 ? "" : `, ${injured} hurt`}`],
    ["Phone", batteryPercent === undefined ? "" : `${batteryPercent} %`],
    ["Contact", contact],
    ["Signed by", person === undefined ? "" : signedBy(person, vouchedBy)],
    ["Written at", box ?? ""],
  ];
  return (
    <article class={isOpen ? "open" : ""}>
      <Vouched by={vouchedBy} />
      <p>
        <b>{isOpen ? "Open" : state}</b>
        {`, ${uptimeText(ageS)} ago${note === "" ? "" : `: ${note}`}`}
      </p>
      <p dir="auto">{text}</p>
      {facts
        .filter(([, value]) => value !== "")
        .map(([label, value]) => (
          <p>
            {`${label}: `}
            <bdi>{value}</bdi>
          </p>
        ))}
      <Change
        action="acknowledge"
        id={id}
        token={token}
        field="note"
        label="What they read (may be empty)"
        button="Acknowledge"
      />
      <Change
        action="hand-over"
        id={id}
        token={token}
        field="to"
        label="Who deals with it now"
        button="Hand over"
        required
      />
      <Change
        action="close"
        id={id}
        token={token}
        field="note"
        label="How it ended (may be empty)"
        button="Close"
      />
    </article>
  );
}

const signedBy = (person: string, vouchedBy: string | undefined): string =>
  vouchedBy === undefined ? `${person} (nobody vouches for them)` : person;

/** First, before all that guests have written, and in a frame: nothing of theirs can look or sound like it. */
function Vouched({ by }: { by: string | undefined }) {
  if (by === undefined) return null;
  return (
    <p class="v">
      ✓ <bdi>{by}</bdi> vouches for them
    </p>
  );
}

/** Folded: most messages stay. */
function TakeAway({ id, token }: { id: string; token: string }) {
  const label = "Reason, for everybody to read";
  return (
    <details>
      <summary>Take away</summary>
      <Change action="remove" id={id} token={token} field="reason" label={label} button="Take away" />
      <form method="post" action="/messages/block">
        <Hidden token={token} values={{ who: id }} />
        <button type="submit">Block who wrote it</button>
      </form>
    </details>
  );
}

interface ChangeProps {
  action: "acknowledge" | "hand-over" | "close" | "remove";
  id: string;
  token: string;
  field: string;
  label: string;
  button: string;
  required?: boolean;
}

function Change({ action, id, token, field, label, button, required = false }: ChangeProps) {
  return (
    <form method="post" action={`/messages/${action}`}>
      <Hidden token={token} values={{ id }} />
      <label>
        {label}
        <input name={field} maxlength={200} required={required} />
      </label>
      <button type="submit">{button}</button>
    </form>
  );
}

function NewNotice({ token }: { token: string }) {
  return (
    <form method="post" action="/messages/notify">
      <Hidden token={token} values={{}} />
      <label class="l">
        A notice to everybody, here and on the other boxes
        <textarea name="text" rows={3} maxlength={1000} required />
      </label>
      <label>
        How grave
        <select name="level">
          {NOTICE_LEVELS.map((level) => (
            <option value={level}>{level}</option>
          ))}
        </select>
      </label>
      <label>
        Hours that it holds
        <input name="hours" type="number" min={1} max={720} value="48" required />
      </label>
      <button type="submit">Tell everybody</button>
    </form>
  );
}

function Hidden({ token, values }: { token: string; values: Readonly<Record<string, string>> }) {
  return (
    <>
      <input type="hidden" name="token" value={token} />
      {Object.entries(values).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
}

const mib = (bytes: number): string => (bytes / 1_048_576).toFixed(1);
