// The REST API of the same origin. The cookie of a session goes with every call by itself.

const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 1600;
export const JSON_TYPE = { "Content-Type": "application/json" };

export class Problem extends Error {
  /** `code` and `errors` are the problem document's; status 0 means that there was no answer. */
  constructor(status, detail, code = "", errors = []) {
    super(detail);
    Object.assign(this, { status, code, errors, mayPass: status === 0 || status === 503 });
  }
}

const seconds = new Intl.NumberFormat("en", { style: "unit", unit: "second", unitDisplay: "long" });
const minutes = new Intl.NumberFormat("en", { style: "unit", unit: "minute", unitDisplay: "long" });

function inWords(wait) {
  return wait < 100 ? seconds.format(wait) : minutes.format(Math.ceil(wait / 60));
}

export async function call(method, path, headers = {}, body = undefined) {
  try {
    const response = await fetch(path, { method, headers, body, cache: "no-store" });
    const answer = response.status === 204 ? {} : await response.json();
    if (response.ok) return { answer, etag: response.headers.get("ETag") };
    const detail = response.status === 429
      ? `Too many attempts. Try again in ${inWords(Number(response.headers.get("Retry-After")))}.`
      : answer.detail ?? answer.title;
    throw new Problem(response.status, detail, answer.code, answer.errors);
  } catch (fault) {
    if (fault instanceof Problem) throw fault;
    throw new Problem(0, "The book cannot be reached. Your text is kept here: try again in a moment.");
  }
}

/** What a person wants written once: it keeps its key for as long as its outcome is unknown. */
export class Submission {
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
