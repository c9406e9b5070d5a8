/** The server: signing in, requests, uploads, and the one stream of events. */

const HEADER = "X-Av2a-Token";
let token = "";

/** Exchange the token of the address for a cookie; false where there is no token, or it is not this server's. */
export async function signIn() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  // The storage is of this address and port alone, unlike a cookie; it ends with the tab.
  token = given ?? sessionStorage.getItem("token") ?? "";
  if (given) history.replaceState(null, "", location.pathname);
  if (!token) return false;
  const answer = await fetch("/api/session", { method: "POST", body: JSON.stringify({ token }) });
  if (answer.ok) sessionStorage.setItem("token", token);
  else sessionStorage.removeItem("token");
  return answer.ok;
}

/** What the server refused, with its code. */
export class Refusal extends Error {
  constructor(status, { code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A request; the parsed JSON, or the response itself with { raw: true }. */
export async function request(method, path, body, { raw = false, signal } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, signal, headers: { [HEADER]: token }, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Refusal(0, { code: "E_OFFLINE", message: "the server does not answer: is av2a serve still running?" });
  }
  if (!answer.ok) throw new Refusal(answer.status, await answer.json().catch(() => ({ code: "E_FAULT", message: `the server answered ${answer.status}` })));
  if (raw) return answer;
  return answer.status === 204 ? null : { ...(await answer.json()), status: answer.status };
}

/** Send a file; report is called with the share that was sent. Returns { done, cancel }. */
export function upload(file, report) {
  const call = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    call.upload.onprogress = (event) => event.lengthComputable && report(event.loaded / event.total);
    call.onload = () => {
      let plain = {};
      try {
        plain = JSON.parse(call.responseText);
      } catch {
        plain = { code: "E_FAULT", message: `the server answered ${call.status}` };
      }
      if (call.status === 201) resolve(plain);
      else reject(new Refusal(call.status, plain));
    };
    call.onerror = () => reject(new Refusal(0, { code: "E_OFFLINE", message: "the file could not be sent: it is too large, the disk is full, or the server has stopped" }));
    call.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    call.open("PUT", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    call.setRequestHeader(HEADER, token);
    call.setRequestHeader("Content-Type", "application/octet-stream");
    call.send(file);
  });
  return { done, cancel: () => call.abort() };
}

/** One stream for the whole page; closed while the page is hidden, as a browser has six connections for all its tabs. */
export function listen(handlers) {
  let source = null;
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/api/events");
    for (const [kind, handle] of Object.entries(handlers)) source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
    source.onerror = () => handlers.lost?.();
    source.onopen = () => handlers.found?.();
  };
  const close = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

/** Save what a request answers as a file. */
export async function download(path) {
  const answer = await request("GET", path, undefined, { raw: true });
  const named = /filename\*=utf-8''(.*)/.exec(answer.headers.get("Content-Disposition") ?? "");
  save(await answer.blob(), named ? decodeURIComponent(named[1]) : "av2a");
}

/** Hand a file to the user. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
