/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { Refusal } from "../../src/first-boot/claim/operator-desk.ts";
import { MIN_PASSWORD_CHARS } from "../../src/first-boot/claim/operator-password.ts";
import { MESSAGES_STYLE } from "./messages-page.tsx";

/** The style of all pages by which somebody becomes, or shows to be, the operator. */
export const OPERATOR_STYLE = MESSAGES_STYLE;

/** What a form's fields are called. */
export const OPERATOR_FIELDS = {
  code: "code",
  password: "password",
  next: "next",
  passphrase: "passphrase",
  token: "token",
} as const;

const SAID: Record<Refusal, string> = {
  claimed: "This box has an operator already. Sign in with the password.",
  unclaimed: "This box has no operator yet. Claim it with its code.",
  code: "That is not the code. It is on the screen of the box, and on its card in the file claim.txt.",
  password: "That is not the password.",
  short: `The password needs at least ${MIN_PASSWORD_CHARS} characters; three or four words are good.`,
  long: "The password is too long.",
  slow: "Too many tries. Wait half a minute, and try again.",
};

const STALE = "This page had been open for a while. Please send it once more.";

const RESETTING = "The box starts again now, and forgets everything. That takes a minute or two.";

/** What became of a form: why not, or `stale`, it came from an older page; `resetting` is done. */
export type Said = Refusal | "stale" | "resetting";

interface FormPage {
  boxName: string;
  token: string;
  said?: Said | undefined;
}

/** Where somebody who stands beside the box becomes its operator. */
export const claimPage = ({ boxName, token, said }: FormPage): string =>
  page(boxName, "Claim this box", said, [
    <p>
      Nobody operates this box yet. Whoever has its code does: it is on the screen that is plugged into the
      box, and in the file claim.txt on its card.
    </p>,
    <Form action="/claim" token={token} button="Claim this box">
      <Field
        name="code"
        label="Code"
        more={{ autocomplete: "off", autocapitalize: "characters", maxlength: 40 }}
      />
      <Field
        name="password"
        label={`A password of your own, at least ${MIN_PASSWORD_CHARS} characters`}
        more={{ type: "password", autocomplete: "new-password", minlength: MIN_PASSWORD_CHARS }}
      />
    </Form>,
    <p class="s">
      The page comes without https: on a wire that others listen to they can read the password. Use one that
      you use nowhere else.
    </p>,
  ]);

export const signInPage = ({ boxName, token, said }: FormPage): string =>
  page(boxName, "Sign in", said, [
    <Form action="/sign-in" token={token} button="Sign in">
      <Field
        name="password"
        label="The operator's password"
        more={{ type: "password", autocomplete: "current-password" }}
      />
    </Form>,
    <p class="s">
      Lost? Whoever has the box in their hands can reset it: see "factory-reset" in the file README.txt on its
      card.
    </p>,
  ]);

/** For the operator: another password, all that is kept to take along, back to the beginning, and out. */
export const operatorPage = ({ boxName, token, said, canReset }: FormPage & { canReset: boolean }): string =>
  page(boxName, "Operator", said, [
    <p>
      <a href="/">Status</a>
    </p>,
    <Form action="/operator/password" token={token} button="Change the password">
      <Field
        name="password"
        label="The present password"
        more={{ type: "password", autocomplete: "current-password" }}
      />
      <Field
        name="next"
        label={`The new one, at least ${MIN_PASSWORD_CHARS} characters`}
        more={{ type: "password", autocomplete: "new-password", minlength: MIN_PASSWORD_CHARS }}
      />
    </Form>,
    <p class="s">All other browsers are signed out then.</p>,
    <h2>Take all that the box keeps along</h2>,
    <p>
      Keys, networks, messages and the journal in one file, which the program age opens with the passphrase.
    </p>,
    <Form action="/operator/export" token={token} button="Export">
      <Field
        name="passphrase"
        label="A passphrase for the file, five random words are good"
        more={{ type: "password", autocomplete: "new-password", minlength: MIN_PASSWORD_CHARS }}
      />
    </Form>,
    canReset ? (
      <>
        <h2>Have the box forget everything</h2>
        <p>
          It starts again, with new keys, in no network and with no messages, and waits to be claimed. What is
          on the card stays: omerta.toml.
        </p>
        <Form action="/operator/reset" token={token} button="Forget everything">
          <Field
            name="password"
            label="The present password"
            more={{ type: "password", autocomplete: "current-password" }}
          />
        </Form>
      </>
    ) : null,
    <h2>Leave</h2>,
    <Form action="/sign-out" token={token} button="Sign out" />,
  ]);

function page(boxName: string, title: string, said: Said | undefined, children: Child[]): string {
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width,initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${boxName} · ${title}`}</title>
          <style>{raw(OPERATOR_STYLE)}</style>
        </head>
        <body>
          <main>
            <h1>{`${boxName}: ${title.toLowerCase()}`}</h1>
            {said === undefined ? null : (
              <p class={said === "resetting" ? "ok" : "n"} role="alert">
                {said === "stale" ? STALE : said === "resetting" ? RESETTING : SAID[said]}
              </p>
            )}
            {children}
          </main>
        </body>
      </html>
    </>
  ).toString();
}

function Form({
  action,
  token,
  button,
  children,
}: {
  action: string;
  token: string;
  button: string;
  children?: Child;
}) {
  return (
    <form method="post" action={action}>
      <input type="hidden" name={OPERATOR_FIELDS.token} value={token} />
      {children}
      <button type="submit">{button}</button>
    </form>
  );
}

function Field({
  name,
  label,
  more,
}: {
  name: keyof typeof OPERATOR_FIELDS;
  label: string;
  more: Record<string, string | number>;
}) {
  return (
    <label>
      {label}
      <input name={OPERATOR_FIELDS[name]} required {...more} />
    </label>
  );
}
