// Who reads the book: a guest, or an account that has signed in. Its token is in a cookie that no script can read.

import { JSON_TYPE, call } from "./api.js";
import { byId, once, say } from "./page.js";

const MODES = {
  "sign-in": {
    title: "Sign in",
    hint: "",
    autocomplete: "current-password",
    other: ["New here?", "Create an account"],
  },
  "sign-up": {
    title: "Create an account",
    hint: "8 characters or more.",
    autocomplete: "new-password",
    other: ["Have an account?", "Sign in instead"],
  },
};
const WORDS = {
  account_exists: ["name", "This name is taken. Choose another, or sign in if it is yours."],
  invalid_credentials: ["password", "No account signs in by this name and this password."],
  unauthenticated: ["name", "Accounts are made by the administrators of this book."],
};

/** The account that is signed in; null for a guest. */
export let me = null;

/** Whether the rules of the collection let this person change and delete `record`. */
export const mayChange = ({ owner }) => me !== null && (owner === me.id || me.roles.includes("admin"));

const otherTabs = new BroadcastChannel("account");
const dialog = byId("door");
const form = byId("credentials");
const { name, password } = form.elements;
let mode;

/** Asks who is signed in, and tells the page by an event `account`. */
export async function identify() {
  try {
    me = (await call("GET", "/v1/accounts/me")).answer;
  } catch (problem) {
    if (problem.status === 401) me = null;
  }
  show();
}

function show() {
  byId("who").hidden = byId("sign-out").hidden = me === null;
  byId("sign-in").hidden = byId("sign-up").hidden = me !== null;
  byId("who-name").textContent = me?.name ?? "";
  document.dispatchEvent(new Event("account"));
}

function become(account, words, focused) {
  me = account;
  show();
  otherTabs.postMessage(null);
  byId(focused).focus();
  say(words);
}

function open(wanted) {
  mode = wanted;
  const { title, hint, autocomplete, other } = MODES[mode];
  byId("door-title").textContent = byId("enter").textContent = title;
  byId("password-hint").textContent = hint;
  [byId("other-words").textContent, byId("other").textContent] = other;
  password.autocomplete = autocomplete;
  tell();
  if (!dialog.open) dialog.showModal();
  name.focus();
}

/** Tells what is wrong beside the fields that it is of, and goes to the first of them; true if there is one. */
function tell(faults = {}) {
  for (const field of [name, password]) {
    const words = faults[field.name];
    byId(`${field.name}-fault`).textContent = words ?? "";
    field.setAttribute("aria-invalid", String(words !== undefined));
  }
  byId("door-fault").textContent = "";
  form.querySelector('[aria-invalid="true"]')?.focus();
  return Object.keys(faults).length > 0;
}

function faultsOf({ code, errors, message }) {
  if (code === "rate_limited") return { password: message };
  if (WORDS[code]) return Object.fromEntries([WORDS[code]]);
  return Object.fromEntries(errors.map(({ pointer, detail }) => [pointer.slice(1), `The ${pointer.slice(1)} ${detail}.`]));
}

async function enter() {
  tell();
  name.value = name.value.trim();
  if (!form.reportValidity()) return;
  const credentials = JSON.stringify({ name: name.value, password: password.value });
  try {
    if (mode === "sign-up") {
      await call("POST", "/v1/accounts", JSON_TYPE, credentials);
      // Whatever becomes of the rest, the account is there.
      mode = "sign-in";
    }
    const { answer } = await call("POST", "/v1/sessions", JSON_TYPE, credentials);
    form.reset();
    dialog.close();
    become(answer.account, `Welcome, ${answer.account.name}.`, "who");
  } catch (problem) {
    if (byId("enter").textContent !== MODES[mode].title) open(mode);
    if (!tell(faultsOf(problem))) throw problem;
  }
}

async function leave() {
  try {
    await call("DELETE", "/v1/sessions/current");
  } catch (problem) {
    if (problem.status !== 401) throw problem;
  }
  become(null, "Signed out.", "sign-in");
}

for (const wanted of ["sign-in", "sign-up"]) byId(wanted).addEventListener("click", () => open(wanted));
byId("other").addEventListener("click", () => open(mode === "sign-in" ? "sign-up" : "sign-in"));
byId("cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => (password.value = ""));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  once(byId("enter"), byId("door-fault"), enter);
});
byId("sign-out").addEventListener("click", () => once(byId("sign-out"), byId("account-fault"), leave));
otherTabs.addEventListener("message", identify);
