// A guestbook is the collection `guestbook`, read and written over the REST API of the same origin.

const RECORDS = "/v1/collections/guestbook/records";
const PAGE_SIZE = 20;
const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 1600;
const STATUS_MS = 8000;

const byId = (id) => document.getElementById(id);
const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);
const text = (value) => (typeof value === "string" ? value : value == null ? "" : JSON.stringify(value));

class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
    this.mayPass = status === 0 || status === 503;
  }
}

async function call(method, path, headers = {}, body = undefined) {
  try {
    const response = await fetch(path, { method, headers, body, cache: "no-store" });
    const answer = response.status === 204 ? {} : await response.json();
    if (response.ok) return { answer, etag: response.headers.get("ETag") };
    throw new Problem(response.status, answer.detail ?? answer.title);
  } catch (fault) {
    if (fault instanceof Problem) throw fault;
    throw new Problem(0, "The book cannot be reached. Your text is kept here: try again in a moment.");
  }
}

/** What a person wants written once: it keeps its key for as long as its outcome is unknown. */
class Submission {
  #request;
  #key;

  async send(method, path, headers, body) {
    const request = JSON.stringify([method, path, headers, body]);
    if (request !== this.#request) {
      this.#request = request;
      // randomUUID() is missing where the page comes over plain HTTP from another machine.
      this.#key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");
    }
    for (let wait = FIRST_RETRY_MS; ; wait *= 2) {
      try {
        const answered = await call(method, path, { ...headers, "Idempotency-Key": `"${this.#key}"` }, body);
        this.#request = undefined;
        return answered;
      } catch (problem) {
        if (!problem.mayPass) this.#request = undefined;
        if (!problem.mayPass || wait > LAST_RETRY_MS) throw problem;
        await new Promise((resume) => setTimeout(resume, wait));
      }
    }
  }
}

let silence;
function say(words) {
  byId("status").textContent = words;
  clearTimeout(silence);
  silence = setTimeout(() => (byId("status").textContent = ""), STATUS_MS);
}

/** Runs `work` unless the last run is still under way; what goes wrong is told in `fault`. */
async function once(button, fault, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  fault.textContent = "";
  try {
    await work();
  } catch (problem) {
    fault.textContent = problem.message;
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

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
      const { answer } = await submission.send("PATCH", this.#path, headers, JSON.stringify(data));
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
      await submission.send("DELETE", this.#path, { "If-Match": this.#etag });
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

let nextPage = "";

async function loadPage() {
  const query = new URLSearchParams({ page_size: PAGE_SIZE });
  if (nextPage) query.set("page_token", nextPage);
  const { answer } = await call("GET", `${RECORDS}?${query}`);
  const fresh = answer.records.filter((record) => !entries.has(record.id)).map((record) => new Entry(record));
  byId("entries").append(...fresh.map((entry) => entry.element));
  nextPage = answer.next_page_token;
  byId("more").hidden = !nextPage;
  byId("empty").hidden = entries.size > 0 || Boolean(nextPage);
  return fresh;
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
  const headers = { "Content-Type": "application/json" };
  const { answer } = await signing.send("POST", RECORDS, headers, JSON.stringify({ data }));
  form.elements.message.value = "";
  const entry = entries.get(answer.id) ?? new Entry(answer);
  byId("entries").prepend(entry.element);
  byId("empty").hidden = true;
  entry.element.focus();
  say("Signed. Thank you!");
}

byId("sign").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  once(form.querySelector(".primary"), form.querySelector(".fault"), () => sign(form));
});
byId("more").addEventListener("click", () => more(false));
setInterval(() => entries.forEach((entry) => entry.tick()), 60_000);
more(true);
