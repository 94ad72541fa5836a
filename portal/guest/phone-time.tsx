/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";

/** The name of the form that takes the phone's time along. */
export const PHONE_TIME_FORM = "f";

/**
 * Puts the phone's time into that form as it is sent: the only script that a guest's page has without asking for work, and only while
 * the box does not know the time. As old browsers understand it; where no script runs the field stays empty, and all else is as ever.
 */
export const PHONE_TIME_SCRIPT = `document.forms.${PHONE_TIME_FORM}.onsubmit=function(){this.now.value=+new Date}`;

export const PhoneTimeField = () => <input type="hidden" name="now" />;

/** Stands behind the form. */
export const PhoneTimeScript = () => <script>{raw(PHONE_TIME_SCRIPT)}</script>;
