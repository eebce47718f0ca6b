// A guestbook is the collection `guestbook`, read and written over the REST API of the same origin.

import { identify, mayChange, me } from "./account.js";
import { JSON_TYPE, Problem, Submission, call } from "./api.js";
import { byId, fromTemplate, once, say } from "./page.js";

const RECORDS = "/v1/collections/guestbook/records";
const PAGE_SIZE = 20;

const text = (value) => (typeof value === "string" ? value : value == null ? "" : JSON.stringify(value));

/** The form's data, or nothing while a field holds only white space; the browser then says so. */
function read(form) {
  const { author, message } = form.elements;
  for (const field of [author, message]) field.value = field.value.trim();
  return form.reportValidity() ? { author: author.value, message: message.value } : undefined;
}

const UNITS = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? [];
  return unit ? relative.format(Math.trunc(seconds / length), unit) : "just now";
}

/** What a write answers. Whom a rule refuses is told as whom: they may have signed in or out elsewhere. */
async function written(write) {
  try {
    return await write;
  } catch (problem) {
    if (problem.status !== 401 && problem.status !== 403) throw problem;
    await identify();
    throw new Problem(problem.status, me === null
      ? "You are not signed in any more. Your text is kept here: sign in and try again."
      : `You are signed in as ${me.name}, who may not write this.`);
  }
}

const entries = new Map();

class Entry {
  element = fromTemplate("entry-template");
  #record;
  #etag;
  #panel;

  constructor(record) {
    this.show(record);
    this.#on("edit", (button) => this.#edit(button));
    this.#on("delete", (button) => this.#confirm(button));
    entries.set(record.id, this);
  }

  #find(name) {
    return this.element.querySelector(`.${name}`);
  }

  #on(name, work) {
    const button = this.#find(name);
    button.addEventListener("click", () => once(button, this.#find("fault"), () => work(button)));
  }

  show(record) {
    this.#record = record;
    const author = text(record.data.author) || "Somebody";
    this.#find("author").textContent = author;
    this.#find("message").textContent = text(record.data.message);
    this.#find("edit").setAttribute("aria-label", `Edit the entry by ${author}`);
    this.#find("delete").setAttribute("aria-label", `Delete the entry by ${author}`);
    this.tick();
    this.mark();
  }

  /** Says whose it is, and offers what this person may do with it. */
  mark() {
    const { owner } = this.#record;
    const isMine = me !== null && owner === me.id;
    this.element.classList.toggle("mine", isMine);
    this.#find("whose").textContent = isMine ? "yours" : owner === null ? "a guest" : "";
    this.#find("edit").hidden = this.#find("delete").hidden = !mayChange(this.#record);
  }

  tick() {
    const time = this.element.querySelector("time");
    const { created_at: signed, updated_at: changed, version } = this.#record;
    const edited = version > 1;
    time.dateTime = signed;
    time.textContent = ago(new Date(signed)) + (edited ? " · edited" : "");
    time.title = absolute.format(new Date(signed)) + (edited ? `, edited ${absolute.format(new Date(changed))}` : "");
  }

  get #path() {
    return `${RECORDS}/${encodeURIComponent(this.#record.id)}`;
  }

  /** Takes over the entry as it is now, with its ETag; false if it is gone. */
  async #refresh() {
    try {
      const { answer, etag } = await call("GET", this.#path);
      this.#etag = etag;
      this.show(answer);
      return true;
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      this.#remove("This entry was deleted in the meantime.");
      return false;
    }
  }

  #remove(words) {
    const next = this.element.nextElementSibling ?? this.element.previousElementSibling ?? byId("entries-title");
    this.element.remove();
    entries.delete(this.#record.id);
    byId("empty").hidden = entries.size > 0 || !byId("more").hidden;
    next.focus();
    say(words);
  }

  /** Puts an editor or a question in the place of the entry's buttons, until it is answered. */
  #open(panel, opener) {
    this.#panel = panel;
    this.#find("actions").hidden = true;
    this.#find("fault").before(panel);
    panel.querySelector(".cancel").addEventListener("click", () => this.#close(opener));
    panel.addEventListener("keydown", (event) => event.key === "Escape" && this.#close(opener));
  }

  #close(focused) {
    this.#panel.remove();
    this.#find("actions").hidden = false;
    this.#find("message").hidden = false;
    this.#find("fault").textContent = "";
    focused.focus();
  }

  async #edit(opener) {
    if (!(await this.#refresh())) return;
    const form = fromTemplate("editor-template");
    const submission = new Submission();
    form.elements.author.value = text(this.#record.data.author);
    // A rule demands that who signs in writes by their own name; a guest's is the administrators' to mend.
    form.elements.author.readOnly = this.#record.owner !== null;
    form.elements.message.value = text(this.#record.data.message);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      once(form.querySelector(".primary"), this.#find("fault"), () => this.#save(form, submission, opener));
    });
    this.#find("message").hidden = true;
    this.#open(form, opener);
    form.elements.message.focus();
  }

  async #save(form, submission, opener) {
    const data = read(form);
    if (!data) return;
    try {
      const headers = { "Content-Type": "application/merge-patch+json", "If-Match": this.#etag };
      const { answer } = await written(submission.send("PATCH", this.#path, headers, JSON.stringify(data)));
      this.show(answer);
      this.#close(opener);
      say("Saved.");
    } catch (problem) {
      if (problem.status === 404 || problem.status === 410) return this.#remove("This entry was deleted in the meantime.");
      if (problem.status !== 412) throw problem;
      if (!(await this.#refresh())) return;
      this.#find("message").hidden = false;
      throw new Problem(412, "Somebody changed this entry while you wrote. You see it as it is now, with your text " +
        "below it: save again to put yours in its place, or cancel to leave theirs.");
    }
  }

  async #confirm(opener) {
    if (!(await this.#refresh())) return;
    const question = fromTemplate("confirm-template");
    const submission = new Submission();
    const button = question.querySelector(".danger");
    button.addEventListener("click", () =>
      once(button, this.#find("fault"), () => this.#delete(submission, opener)));
    this.#open(question, opener);
    question.querySelector(".cancel").focus();
  }

  async #delete(submission, opener) {
    try {
      await written(submission.send("DELETE", this.#path, { "If-Match": this.#etag }));
      this.#remove("Deleted.");
    } catch (problem) {
      if (problem.status === 404) return this.#remove("Deleted.");
      if (problem.status !== 412) throw problem;
      if (!(await this.#refresh())) return;
      this.#close(opener);
      throw new Problem(412, "Somebody changed this entry just now. You see it as it is: delete it again if you still want to.");
    }
  }
}

const identified = identify();
let nextPage = "";
/** Whose entries are shown; everybody's when empty. */
let sought = "";

async function loadPage() {
  const query = new URLSearchParams({ page_size: PAGE_SIZE });
  // A text in a filter is written as in JSON.
  if (sought) query.set("filter", `author = ${JSON.stringify(sought)}`);
  if (nextPage) query.set("page_token", nextPage);
  const asked = sought;
  const [{ answer }] = await Promise.all([call("GET", `${RECORDS}?${query}`), identified]);
  if (asked !== sought) return [];
  const fresh = answer.records.filter((record) => !entries.has(record.id)).map((record) => new Entry(record));
  byId("entries").append(...fresh.map((entry) => entry.element));
  nextPage = answer.next_page_token;
  byId("more").hidden = !nextPage;
  byId("empty").hidden = entries.size > 0 || Boolean(nextPage);
  byId("empty").textContent = sought ? "Nobody of that name has signed." : "The first page is still blank.";
  return fresh;
}

/** Shows the entries of one name alone, or all. */
async function seek(author) {
  [sought, nextPage] = [author, ""];
  byId("sought").value = author;
  entries.clear();
  byId("entries").replaceChildren();
  byId("empty").hidden = true;
  await loadPage();
}

async function more(first) {
  const button = byId("more");
  await once(button, byId("list-fault"), async () => {
    try {
      const fresh = await loadPage();
      button.textContent = "More entries";
      if (!first) (fresh[0]?.element ?? byId("entries-title")).focus();
    } catch (problem) {
      button.hidden = false;
      button.textContent = "Try again";
      throw problem;
    } finally {
      byId("entries").setAttribute("aria-busy", "false");
    }
  });
}

const signing = new Submission();

async function sign(form) {
  const data = read(form);
  if (!data) return;
  const { answer } = await written(signing.send("POST", RECORDS, JSON_TYPE, JSON.stringify({ data })));
  const isAsShown = answer.owner === (me?.id ?? null);
  if (!isAsShown) await identify();
  form.elements.message.value = "";
  if (sought && sought !== answer.data.author) await seek("");
  const entry = entries.get(answer.id) ?? new Entry(answer);
  byId("entries").prepend(entry.element);
  byId("empty").hidden = true;
  entry.element.focus();
  say(isAsShown ? "Signed. Thank you!" : "Signed, but not by the account that was shown: it had been signed out elsewhere.");
}

document.addEventListener("account", () => {
  const { author } = byId("sign").elements;
  if (me !== null || author.readOnly) author.value = me?.name ?? "";
  author.readOnly = me !== null;
  entries.forEach((entry) => entry.mark());
});
byId("sign").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  once(form.querySelector(".primary"), form.querySelector(".fault"), () => sign(form));
});
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.currentTarget.querySelector("button");
  once(button, byId("list-fault"), () => seek(byId("sought").value.trim()));
});
// Emptied by the cross in it, or by Escape.
byId("sought").addEventListener("search", () => byId("sought").value === "" && byId("search").requestSubmit());
byId("more").addEventListener("click", () => more(false));
setInterval(() => entries.forEach((entry) => entry.tick()), 60_000);
more(true);
