/** All videos: dropping and choosing files, the folder's list, labels found as chips, search in everything that was seen. */

import { download, request, upload } from "./api.js";
import { $, clock, el, later, name, plural, say, stageWords, swatch } from "./dom.js";
import { MODALITIES, WORDS } from "./core.js";
import { parseLabels, writtenLabels } from "./labels.js";

const MOST_HITS = 200;

export class Home {
  constructor(state) {
    this.state = state;
    this.chosen = new Set();
    $("choose").addEventListener("click", () => $("files").click());
    $("files").addEventListener("change", () => {
      this.send($("files").files);
      $("files").value = "";
    });
    $("demo").addEventListener("click", () => this.demo());
    $("video-filter").addEventListener("input", () => this.show());
    $("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.search(parseLabels($("search-labels").value));
    });
    $("unseen").addEventListener("submit", (event) => {
      event.preventDefault();
      this.lookThrough(parseLabels($("unseen-labels").value));
    });
    $("all-save").addEventListener("click", () => this.saveAll(`/api/export?ending=${encodeURIComponent($("all-format").value)}`));
    $("all-moments").addEventListener("click", () => this.saveAll("/api/moments?"));
    this.dropping();
    this.draw = later(30, () => this.drawNow());
  }

  dropping() {
    let inside = 0;
    const over = (on) => document.body.classList.toggle("over", on);
    addEventListener("dragenter", (event) => (event.preventDefault(), (inside += 1), over(true)));
    addEventListener("dragleave", () => over((inside = Math.max(0, inside - 1)) > 0));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      over((inside = 0) > 0);
      if (event.dataTransfer.files.length) {
        location.hash = "#/";
        this.send(event.dataTransfer.files);
      }
    });
  }

  /** Send files one after the other: the disk is one, and a browser has few connections. */
  async send(files) {
    const waiting = [...files].map((file) => {
      const bar = el("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` }), what = el("span", { class: "what hint" }, "waiting");
      const entry = { file, bar, what, cancelled: false };
      const stop = el("button", { type: "button", "aria-label": `Cancel sending ${file.name}`, onclick: () => ((entry.cancelled = true), entry.sending?.cancel(), entry.row.remove()) }, "Cancel");
      entry.row = el("li", {}, name(file.name), what, bar, el("span", { class: "actions" }, stop));
      $("uploads").append(entry.row);
      return entry;
    });
    for (const entry of waiting) {
      if (entry.cancelled) continue;
      entry.what.textContent = "sending";
      entry.sending = upload(entry.file, (share) => {
        entry.bar.value = share;
        if (share === 1) entry.what.textContent = "opening";
      });
      try {
        const video = await entry.sending.done;
        this.state.videos.set(video.id, video);
        entry.row.remove();
        if (waiting.length === 1) location.hash = `#/video/${video.id}`;
        else this.queue(video);
      } catch (refusal) {
        if (refusal.name === "AbortError") continue;
        entry.bar.remove();
        entry.what.className = "what failed";
        entry.what.textContent = refusal.message;
        entry.row.querySelector("button").textContent = "Dismiss";
      }
    }
    this.show();
  }

  /** Of several files at once each is looked through for the labels that were asked last. */
  queue(video) {
    const labels = this.state.lists[0];
    if (labels) this.ask(video, labels);
  }

  ask(video, labels) {
    return request("POST", `/api/videos/${video.id}/answer`, { labels }).catch((refusal) => say(refusal.message, "alarm"));
  }

  /** The videos shown that were not looked through yet queue up. */
  async lookThrough(labels) {
    if (!labels.length) return say("type one or more labels, separated by commas", "alarm");
    for (const video of this.unseen()) await this.ask(video, labels);
  }

  unseen() {
    return this.shown().filter((video) => ["new", "cancelled"].includes(video.state));
  }

  async demo() {
    try {
      const video = await request("POST", "/api/demo");
      this.state.videos.set(video.id, video);
      location.hash = `#/video/${video.id}`;
    } catch (refusal) {
      say(refusal.message, "alarm");
    }
  }

  formats() {
    $("all-format").replaceChildren(...this.state.formats.map(({ ending, name: called }) => el("option", { value: ending }, called ? `${called} (${ending})` : ending)));
    $("all-format").value = ".csv";
  }

  /** Save something of the videos that are shown: an export, or clips of their moments. */
  async saveAll(path) {
    const seen = this.shown().filter((video) => video.state === "done"), chosen = seen.map((video) => `&video=${video.id}`).join("");
    say(`preparing ${plural(seen.length, "video")}`);
    try {
      await download(`${path}${chosen}${$("all-with-corrections").checked ? "" : "&plain"}`);
      say("saved");
    } catch (refusal) {
      say(refusal.message, "alarm");
    }
  }

  /** The videos that have the chosen labels and the typed part of a name. */
  shown() {
    const words = $("video-filter").value.trim().toLowerCase();
    return [...this.state.videos.values()].filter((video) => video.name.toLowerCase().includes(words) && [...this.chosen].every((label) => video.found[label]));
  }

  show() {
    if (!$("home").hidden) this.draw();
  }

  drawNow() {
    const videos = [...this.state.videos.values()], shown = this.shown(), seen = shown.filter((video) => video.state === "done").length;
    $("no-videos").hidden = videos.length > 0;
    $("videos-filter").hidden = videos.length < 8;
    const focus = document.activeElement?.dataset?.focus;
    $("videos").replaceChildren(...shown.slice(0, 500).map((video) => this.entry(video)));
    if (focus) document.querySelector(`[data-focus="${focus}"]`)?.focus({ preventScroll: true });
    const unseen = this.unseen().length;
    $("unseen").hidden = unseen < 2;
    $("unseen-go").textContent = `Look through ${unseen === 2 ? "both" : `all ${unseen}`}`;
    if (!$("unseen-labels").value && document.activeElement !== $("unseen-labels")) $("unseen-labels").value = writtenLabels(this.state.lists[0] ?? []);
    $("home").classList.toggle("filled", videos.length > 0);
    $("all-export").hidden = !seen;
    $("all-which").textContent = shown.length < videos.length ? `The ${plural(seen, "video")} shown` : "All videos";
    this.drawChips(videos);
  }

  entry(video) {
    const job = this.state.jobs.get(video.id), found = Object.keys(video.found).length;
    const length = video.duration_seconds === null ? "" : `${clock(video.duration_seconds)} · `;
    const words = {
      new: `${length}not looked through yet`, waiting: "waiting for its turn", working: stageWords(job), cancelled: "cancelled", failed: video.message,
      done: `${length}${found ? `found ${Object.keys(video.found).slice(0, 5).join(", ")}${found > 5 ? ` and ${found - 5} more` : ""}` : "nothing found"}`,
    }[video.state];
    const busy = ["waiting", "working"].includes(video.state);
    return el("li", {},
      el("a", { href: `#/video/${video.id}`, "data-focus": `open-${video.id}` }, name(video.name)),
      el("span", { class: `what${video.state === "failed" ? " failed" : ""}` }, words),
      video.state === "working" && job?.total ? el("progress", { value: job.done, max: job.total, "aria-label": job.stage }) : null,
      el("span", { class: "actions" },
        busy && el("button", { type: "button", "data-focus": `cancel-${video.id}`, "aria-label": `Cancel ${video.name}`, onclick: () => this.act("POST", `/api/videos/${video.id}/cancel`) }, "Cancel"),
        !busy && video.removable && el("button", { type: "button", "data-focus": `remove-${video.id}`, "aria-label": `Remove ${video.name}`, onclick: () => this.act("DELETE", `/api/videos/${video.id}`) }, "Remove")),
    );
  }

  act(method, path) {
    request(method, path).catch((refusal) => say(refusal.message, "alarm"));
  }

  drawChips(videos) {
    const counts = new Map();
    for (const video of videos) for (const label of Object.keys(video.found)) counts.set(label, (counts.get(label) ?? 0) + 1);
    for (const label of this.chosen) if (!counts.has(label)) this.chosen.delete(label);
    const chips = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 80);
    $("chips").replaceChildren(...chips.map(([label, count]) => el("li", {}, el("button", {
      type: "button", "aria-pressed": String(this.chosen.has(label)), "data-focus": `chip-${label}`.replaceAll('"', ""), title: `Only videos with ${label}`,
      onclick: () => (this.chosen.has(label) ? this.chosen.delete(label) : this.chosen.add(label), this.show()),
    }, el("bdi", { class: "label" }, label), " ", el("small", {}, String(count))))));
    $("library").hidden = !videos.some((video) => video.state === "done");
  }

  async search(labels) {
    if (!labels.length) return;
    $("hits-title").textContent = "searching";
    try {
      const { hits, searched } = await request("POST", "/api/search", { labels });
      $("hits-title").textContent = hits.length ? `${plural(hits.length, "event")}, the surest first; ${plural(searched, "video")} searched` : `Nothing; ${plural(searched, "video")} searched`;
      $("hits").replaceChildren(...hits.slice(0, MOST_HITS).map((hit) => {
        const stream = MODALITIES.indexOf(hit.modality);
        return el("li", {}, el("a", { href: `#/video/${hit.video}@${hit.start}` }, swatch(stream), el("span", {}, name(hit.label), ` ${WORDS[stream]} in `, name(hit.name)), el("span", {}, `${clock(hit.start)} · ${hit.confidence.toFixed(3)}`)));
      }));
    } catch (refusal) {
      $("hits-title").textContent = refusal.message;
    }
  }
}
