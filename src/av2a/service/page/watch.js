/** One video: the player, its answer on the lanes and in the table, thresholds, corrections, and what is taken along. */

import { download, request, save } from "./api.js";
import { Corrections, replay } from "./corrections.js";
import { MODALITIES, WORDS } from "./core.js";
import { $, clock, el, later, name, plural, say, stageWords } from "./dom.js";
import { Found, Unread } from "./found.js";
import { LabelField } from "./labels.js";
import { Lanes } from "./lanes.js";
import { Deck } from "./review.js";
import { Sliders } from "./sliders.js";
import { EventTable } from "./table.js";

// Trusted Types want the address of a worker to come from a policy.
const policy = window.trustedTypes?.createPolicy("av2a", { createScriptURL: (url) => (url === "/worker.js" ? url : "") });

export class Watch {
  constructor(state) {
    this.state = state;
    this.video = null;
    this.answer = null;
    this.number = 0;
    this.stillTime = 0;
    this.timings = [];
    this.field = new LabelField(state, (labels) => this.ask(labels));
    this.sliders = new Sliders((rests) => this.moved(rests));
    this.lanes = new Lanes($("board"), {
      seek: (seconds) => this.seek(seconds), select: (event) => this.select(event), open: (label) => this.openLabel(label),
      changed: (before, after) => this.correct("changed", before, after), snap: (seconds) => this.snap(seconds),
      viewed: ([start, stop]) => ($("view").textContent = `${clock(start, stop - start < 20 ? 1 : 0)} – ${clock(stop, stop - start < 20 ? 1 : 0)}`),
    });
    Object.defineProperty(this.lanes, "time", { get: () => this.time });
    this.lanes.playing = () => this.follow();
    this.table = new EventTable($("table"), { select: (event, seeks) => (this.select(event), seeks && this.seek(event.start), this.lanes.reveal(event.start)), activate: (event) => this.playEvent(event) });
    this.corrections = new Corrections((body) => request("PUT", `/api/videos/${this.video.id}/corrections`, body), () => this.show());
    this.deck = new Deck(this);
    this.tableLater = later(150, () => this.showTable());
    this.worker = null;
    this.wire();
  }

  wire() {
    for (const input of document.querySelectorAll(".streams input")) input.addEventListener("change", () => {
      if (input.dataset.stream === "rejected") this.lanes.showRejected = input.checked;
      else this.lanes.shown[input.dataset.stream] = input.checked;
      this.show();
    });
    const on = (id, kind, act) => $(id).addEventListener(kind, act);
    on("label-filter", "input", () => this.show());
    on("label-sort", "change", () => this.show());
    on("zoom-in", "click", () => this.lanes.zoom(0.5, this.time));
    on("zoom-out", "click", () => this.lanes.zoom(2, this.time));
    on("zoom-fit", "click", () => this.lanes.fit());
    on("add", "click", () => this.addEvent());
    on("undo", "click", () => this.corrections.undo());
    on("redo", "click", () => this.corrections.redo());
    on("load-theirs", "click", () => this.loadCorrections());
    on("keep-mine", "click", () => this.keepMine());
    on("editor", "submit", (event) => event.preventDefault());
    for (const id of ["editor-label", "editor-stream", "editor-start", "editor-stop"]) on(id, "change", () => this.edited());
    on("editor-loop", "click", () => this.loop(this.loops ? null : this.selected));
    on("editor-fit", "click", () => this.selected && this.lanes.fit(this.selected.start, this.selected.stop));
    on("editor-confirm", "click", () => this.mark("confirmed"));
    on("editor-reject", "click", () => this.mark("rejected"));
    on("editor-delete", "click", () => this.mark("removed"));
    on("progress-cancel", "click", () => request("POST", `/api/videos/${this.video.id}/cancel`).catch((refusal) => say(refusal.message, "alarm")));
    on("export", "click", () => this.take($("format").value));
    on("report", "click", () => this.take(".html"));
    on("moments", "click", () => this.take(null));
    on("settings-copy", "click", () => this.copyCommand());
    on("settings-save", "click", () => save(new Blob([JSON.stringify({ profile: "practical", ...this.sliders.changes }, null, 2)], { type: "application/json" }), "av2a-settings.json"));
    const tabs = [...document.querySelectorAll("[role=tab]")];
    for (const tab of tabs) {
      tab.addEventListener("click", () => this.showPanel(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
        next.focus();
        this.showPanel(next);
      });
    }
  }

  showPanel(chosen) {
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = !on;
    }
  }

  // Opening and closing.

  open(video, seconds) {
    if (this.video?.id === video.id) {
      this.video = video;
      if (seconds !== null) this.seek(seconds);
      return;
    }
    this.close();
    this.video = video;
    this.answer = null;
    this.lanes.reset(video.duration_seconds ?? 1);
    this.sliders.defaults = this.state.settings;
    this.sliders.begin(this.state.settings, { ...video.settings });
    this.field.set(video.labels.length ? video.labels : (this.state.lists[0] ?? []));
    this.field.lists();
    this.corrections.load({ revision: 0, operations: [] });
    this.wanted = seconds;
    this.play(`/api/videos/${video.id}/media`);
    this.loadWaveform(video);
    this.show();
    this.refresh();
    if (video.labels.length && !["failed", "cancelled"].includes(video.state)) this.ask(video.labels);
    else if (this.field.labels.length === 0) this.field.text.focus({ preventScroll: true });
  }

  close() {
    this.number += 1;
    if (this.media) {
      this.media.pause();
      this.media.removeAttribute("src");
      this.media.load();
    }
    this.media = null;
    $("player").replaceChildren();
    this.video = this.answer = this.selected = this.loops = this.preview = null;
    this.scoresKey = null;
    this.worker?.terminate();
    this.worker = null;
    this.opened = this.waits = null;
    this.sliders.setOpen(null);
    $("editor").hidden = true;
  }

  play(source) {
    const { video } = this, kind = video.has_video ? "video" : "audio";
    this.media = el(kind, { controls: true, preload: "metadata", src: source, playsInline: true, "aria-label": "The video" });
    this.media.addEventListener("error", () => this.unplayable(source));
    this.media.addEventListener("seeked", () => this.lanes.touch());
    this.media.addEventListener("play", () => this.lanes.touchTop());
    this.media.addEventListener("timeupdate", () => this.lanes.touch());
    this.media.addEventListener("loadedmetadata", () => {
      if (this.lanes.duration <= 1 && Number.isFinite(this.media.duration)) this.lanes.reset(this.media.duration);
      if (this.wanted !== null && this.wanted !== undefined) this.seek(this.wanted);
      // A container in which this browser finds sound only is shown as a copy.
      if (kind === "video" && !this.media.videoWidth) this.unplayable(source);
    });
    $("player").replaceChildren(this.media);
    $("player-note").hidden = true;
  }

  /** What this browser cannot play is asked for as a copy. */
  async unplayable(source) {
    const { video } = this, note = $("player-note");
    if (!video || !this.media) return;
    note.hidden = false;
    if (source.includes("playable")) {
      note.textContent = "This browser cannot play the file, nor the copy that was made of it. The lanes and the table do not need it.";
      return;
    }
    note.textContent = "This browser cannot play the file; a copy that it can play is made.";
    try {
      const { made } = await request("POST", `/api/videos/${video.id}/playable`);
      if (this.video !== video && this.video?.id !== video.id) return;
      this.play(`/api/videos/${video.id}/media?playable`);
      note.hidden = false;
      note.textContent = made === "remuxed" ? "This browser cannot play the file: the same video is played from another container." : "This browser cannot play the file: a smaller copy of it is played.";
    } catch (refusal) {
      const isGone = refusal.code === "E_GONE";
      note.textContent = isGone ? "This video is not there any more: it was moved or removed." : `This browser cannot play the file (${refusal.message}). The lanes and the table do not need it.`;
    }
  }

  playableProgress({ video, done, total }) {
    if (video === this.video?.id && !$("player-note").hidden) $("player-note").textContent = `This browser cannot play the file; a smaller copy is made: ${Math.round((100 * done) / total)} %`;
  }

  async loadWaveform(video) {
    this.lanes.silent = false;
    try {
      const answer = await request("GET", `/api/videos/${video.id}/waveform`, undefined, { raw: true });
      const values = new Int8Array(await answer.arrayBuffer());
      if (this.video?.id !== video.id) return;
      const now = this.state.videos.get(video.id);
      this.lanes.silent = now?.has_audio === false;
      this.lanes.peaks = this.lanes.silent ? null : { values, perSecond: this.state.peaks_a_second };
      this.lanes.touch();
    } catch (refusal) {
      if (this.video?.id === video.id && refusal.code !== "E_GONE") say(refusal.message, "alarm");
    }
  }

  // Time.

  get time() {
    return this.media && this.media.readyState ? this.media.currentTime : this.stillTime;
  }

  seek(seconds) {
    const to = Math.min(Math.max(0, seconds), Math.max(0, this.lanes.duration - 0.01));
    this.stillTime = to;
    if (this.media?.readyState) this.media.currentTime = to;
    this.lanes.touch();
  }

  /** Whether the video plays; keeps the playhead in view, and within the loop. */
  follow() {
    const { media } = this;
    if (!media || media.paused) return false;
    if (this.loops && (media.currentTime >= this.loops.stop || media.currentTime < this.loops.start - 0.5)) media.currentTime = this.loops.start;
    if (!this.lanes.drag) this.lanes.reveal(media.currentTime);
    return true;
  }

  loop(event) {
    this.loops = event;
    $("editor-loop").setAttribute("aria-pressed", String(!!event));
    if (event) this.playEvent(event, true);
  }

  playEvent(event, keepsLoop = false) {
    if (!keepsLoop) this.loops = event;
    $("editor-loop").setAttribute("aria-pressed", String(!!this.loops));
    this.select(event);
    this.lanes.reveal(event.start);
    this.seek(event.start);
    this.media?.play().catch(() => {});
  }

  snap(seconds) {
    const each = this.answer?.segment_seconds ?? 1, end = this.lanes.duration;
    const at = Math.round(seconds / each) * each;
    return Math.abs(seconds - end) < each / 2 ? end : at;
  }

  // Answers.

  async ask(labels) {
    if (!labels.length) {
      say("type one or more labels, separated by commas", "alarm");
      return;
    }
    const number = ++this.number, { video } = this;
    this.asked = labels;
    $("stage-of-answer").textContent = "asking";
    const began = performance.now();
    try {
      const answer = await request("POST", `/api/videos/${video.id}/answer`, { labels, settings: this.sliders.changes });
      if (number !== this.number) return;
      if (answer.status === 202) {
        this.waits = labels;
        $("stage-of-answer").textContent = "";
        return;
      }
      this.waits = null;
      await this.took(answer, number);
      this.timings.push({ asked: labels.length, milliseconds: performance.now() - began });
    } catch (refusal) {
      if (number !== this.number) return;
      $("stage-of-answer").textContent = "";
      say(refusal.message, "alarm");
    }
  }

  async took(answer, number) {
    const first = this.answer === null, other = first || answer.labels.join("\n") !== this.answer.labels.join("\n");
    const opened = this.openedLabel;
    this.answer = answer;
    this.preview = null;
    if (this.lanes.duration !== answer.duration) this.lanes.reset(answer.duration);
    this.sliders.settings = answer.settings;
    if (first) this.loadCorrections();
    this.deckIsStale = true;
    this.show();
    if (other && opened !== null) this.openLabel(answer.labels.includes(opened) ? opened : null, true);
    $("stage-of-answer").textContent = "";
    if (answer.moves && answer.scores !== this.scoresKey) await this.loadScores(answer, number);
    else if (answer.moves) this.run();
  }

  async loadScores(answer, number) {
    const reply = await request("POST", `/api/videos/${this.video.id}/scores`, { labels: answer.labels, settings: this.sliders.changes }, { raw: true });
    const scores = await reply.arrayBuffer();
    if (number !== this.number) return;
    this.scoresKey = answer.scores;
    if (!this.worker) {
      this.worker = new Worker(policy ? policy.createScriptURL("/worker.js") : "/worker.js", { type: "module" });
      this.worker.onmessage = ({ data }) => this.ran(data);
      this.busy = false;
    }
    this.parsed = answer;
    this.worker.postMessage({ scores, labels: answer.labels, segmentSeconds: answer.segment_seconds }, [scores]);
    this.run();
  }

  /** Have the worker follow the sliders; while it is busy only the last wish is kept. */
  run() {
    if (!this.worker || !this.parsed) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    this.again = false;
    this.ranAt = performance.now();
    const label = this.openedLabel;
    this.worker.postMessage({ key: this.scoresKey, settings: this.sliders.current, open: label === null ? -1 : this.parsed.labels.indexOf(label) });
  }

  ran(data) {
    this.busy = false;
    this.lastRun = performance.now() - this.ranAt;
    this.ranEvents = data.found.numbers;
    if (this.again) this.run();
    // What was computed from the scores of other labels is of no use.
    if (data.key !== this.answer?.scores) return;
    if (data.opened.length) this.lanes.chart = { segmentSeconds: this.answer.segment_seconds, streams: data.opened };
    if (this.isPreview) this.showPreview(data);
    this.lanes.touch();
    this.drawnAt = performance.now();
  }

  showPreview({ found, rejected }) {
    this.preview = { found: new Unread(found, this.answer, false), rejected: new Unread(rejected, this.answer, true) };
    this.show();
  }

  /** A slider moved; when it rests, the server confirms. */
  moved(rests) {
    if (!this.answer) return;
    if (rests) {
      this.isPreview = false;
      this.confirm();
      return;
    }
    this.isPreview = true;
    $("stage-of-answer").textContent = this.answer.moves ? "preview" : "waiting for the server";
    if (this.answer.moves) this.run();
  }

  async confirm() {
    if (this.asked) await this.ask(this.answer?.labels ?? this.asked);
  }

  /** The server told of a video: perhaps the one that is waited for. */
  heard(video) {
    if (video.id !== this.video?.id) return;
    this.video = video;
    if (video.state === "done" && this.waits) this.ask(this.waits);
    else if (video.state === "failed") say(video.message, "alarm");
  }

  modelsReady() {
    if (this.video && !this.answer && this.video.labels.length) this.ask(this.video.labels);
  }

  /** Jobs and models changed. */
  refresh() {
    if (!this.video) return;
    const job = this.state.jobs.get(this.video.id), video = this.state.videos.get(this.video.id) ?? this.video;
    $("progress").hidden = !job && video.state !== "failed";
    $("progress-cancel").hidden = !job;
    $("progress-bar").hidden = !job;
    if (job) {
      if (job.total) $("progress-bar").value = job.done / job.total;
      else $("progress-bar").removeAttribute("value");
      $("progress-text").textContent = stageWords(job);
    } else if (video.state === "failed") $("progress-text").textContent = video.message;
  }

  // What is shown.

  machineEvents() {
    if (!this.answer) return [];
    if (this.isPreview && this.preview) return this.preview.found.all();
    const { labels, events, derived } = this.answer, known = new Set(derived.map((each) => each.join()));
    return events.map(([label, stream, start, stop, score]) => ({ label: labels[label], stream, start, stop, score, derived: known.has(`${label},${stream},${start},${stop}`) }));
  }

  marks() {
    if (!this.answer) return [];
    if (this.isPreview && this.preview) return this.preview.rejected.all();
    return this.answer.rejected.map(([label, stream, start, stop, score]) => ({ label: this.answer.labels[label], stream, start, stop, score, rejected: true }));
  }

  show() {
    const { answer } = this, { operations } = this.corrections, isLive = this.isPreview && this.preview && !operations.length;
    let { found, rejected } = this.preview ?? {}, unmatched = [];
    if (!isLive) {
      const replayed = replay(this.machineEvents(), operations);
      unmatched = replayed.unmatched;
      found = new Found(replayed.events);
      rejected = new Found([...this.marks(), ...replayed.gone.map((event) => ({ ...event, rejected: true }))]);
    }
    this.found = found;
    const { selected } = this;
    if (selected) this.selected = [found, rejected].flatMap((each) => each.of(selected.label, selected.stream)).find((event) => same(event, selected)) ?? null;
    const words = $("label-filter").value.trim().toLowerCase();
    const labels = answer ? [...new Set([...answer.labels, ...found.labels()])] : [];
    const sorted = { asked: () => 0, count: (label) => -found.count(label), first: (label) => found.first(label), score: (label) => -found.best(label) }[$("label-sort").value];
    const keys = new Map(labels.map((label) => [label, sorted?.(label)])), order = (a, b) => (sorted ? keys.get(a) - keys.get(b) : a.localeCompare(b));
    const rows = labels.filter((label) => label.toLowerCase().includes(words)).sort(order).map((label) => {
      const count = found.count(label), unknown = answer.unknown.filter(([index]) => answer.labels[index] === label).map(([, stream]) => ["by sound", "by sight"][stream]);
      const limit = unknown.length === 2 ? "not known" : { "by sound": "by sight only", "by sight": "by sound only" }[unknown[0]];
      return { label, count, note: String(count || ""), limit, title: unknown.length ? `${label}: not known to these models ${unknown.join(" and ")}` : label };
    });
    const opened = this.openedLabel;
    this.lanes.open = rows.findIndex((row) => row.label === opened);
    this.lanes.show(rows, found, rejected);
    this.lanes.selected = this.selected;
    this.table.selected = this.selected;
    // While a slider moves the lanes follow at once, the table and the words a little later.
    if (this.isPreview) {
      this.tableLater();
      return;
    }
    this.tableLater.cancel();
    this.showTable();
    this.showWords(unmatched);
    this.showEditor();
    if (this.deckIsStale !== false) {
      this.deck.offer(this.machineEvents());
      this.deckIsStale = false;
    }
    $("own-labels").replaceChildren(...labels.map((label) => el("option", { value: label })));
  }

  showTable() {
    this.events = this.found.all();
    if (this.found instanceof Unread) this.events = replay(this.events, []).events;
    this.table.show(this.events.filter((event) => this.lanes.byRow.has(event.label) && this.lanes.shown[event.stream]));
  }

  showWords(unmatched) {
    const { answer, corrections, events } = this, counts = [0, 1, 2].map((stream) => events.filter((event) => event.stream === stream).length);
    $("summary").textContent = !answer ? "" : events.length ? `${plural(events.length, "event")}: ${counts[0]} heard, ${counts[1]} seen, ${counts[2]} both` : "Nothing was found";
    $("empty").hidden = !!answer || !!this.waits;
    $("nothing").hidden = !answer || events.length > 0;
    if (answer && !events.length) $("nothing").textContent = answer.closest ? `What came ${answer.closest.charAt(0).toLowerCase()}${answer.closest.slice(1)}` : "No label came near. Move a slider to “more”, or try other words.";
    $("caution").hidden = !answer?.caution;
    if (answer?.caution) $("caution").textContent = `Do not rely on this answer: ${answer.caution}.`;
    $("notes").replaceChildren(...(answer?.warnings.length ? answer.warnings.map((words) => el("li", {}, words)) : [el("li", { class: "hint" }, "No notes about this video.")]));
    $("unmatched").replaceChildren(...unmatched.map((operation) => el("li", {}, `A correction found no event here: ${operation.kind} `, name(operation.before.label), ` ${clock(operation.before.start, 1)}–${clock(operation.before.stop, 1)}`)));
    const touched = corrections.operations.length;
    const states = { saved: touched ? `${plural(touched, "correction")}, saved` : "", saving: "saving", failed: `not saved: ${corrections.why}`, stale: "changed in another tab" };
    $("saved").textContent = states[corrections.state];
    $("load-theirs").hidden = $("keep-mine").hidden = corrections.state !== "stale";
    $("undo").disabled = !corrections.past.length;
    $("redo").disabled = !corrections.future.length;
    $("add").disabled = !answer;
  }

  get openedLabel() {
    return this.opened ?? null;
  }

  openLabel(label, keep = false) {
    this.opened = this.opened === label && !keep ? null : label;
    this.lanes.setOpen(this.opened);
    this.sliders.setOpen(this.opened);
    if (this.opened !== null) this.run();
  }

  select(event) {
    this.selected = this.lanes.selected = event;
    if (this.loops && this.loops !== event) this.loops = null;
    this.table.mark(event);
    this.lanes.touch();
    this.showEditor();
  }

  showEditor() {
    const event = this.selected;
    $("editor").hidden = !event;
    if (!event || $("editor").contains(document.activeElement) && document.activeElement.matches("input")) return;
    $("editor-swatch").className = `swatch ${event.rejected ? "rejected" : MODALITIES[event.stream]}`;
    $("editor-label").value = event.label;
    $("editor-stream").value = String(event.stream);
    $("editor-start").value = event.start.toFixed(2);
    $("editor-stop").value = event.stop.toFixed(2);
    $("editor-score").textContent = event.rejected ? `score ${event.score === null ? "–" : event.score.toFixed(3)}: ${event.touched ?? "not confirmed"}` : event.touched === "added" ? "added" : `score ${event.score.toFixed(3)}`;
    for (const id of ["editor-reject", "editor-delete"]) $(id).disabled = !!event.rejected;
    $("editor-confirm").textContent = event.rejected ? "Keep it" : "Confirm";
    $("editor-loop").setAttribute("aria-pressed", String(this.loops === event));
  }

  // Corrections.

  async loadCorrections() {
    try {
      this.corrections.load(await request("GET", `/api/videos/${this.video.id}/corrections`));
    } catch (refusal) {
      say(refusal.message, "alarm");
    }
    this.deckIsStale = true;
    this.show();
  }

  /** What was changed here, on top of what another tab saved: nothing of either is lost. */
  async keepMine() {
    try {
      const theirs = await request("GET", `/api/videos/${this.video.id}/corrections`), known = new Set(theirs.operations.map((operation) => operation.id));
      const mine = this.corrections.operations; // What was corrected while the other tab's arrived is among it.
      this.corrections.load(theirs);
      this.corrections.replace([...theirs.operations, ...mine.filter((operation) => !known.has(operation.id))]);
    } catch (refusal) {
      say(refusal.message, "alarm");
    }
  }

  correct(kind, before, after) {
    if (!this.answer) return;
    if (kind === "changed" && this.selected && same(this.selected, before)) this.selected = { ...before, ...after };
    this.corrections.add(kind, before, after);
    this.show();
  }

  mark(kind) {
    const event = this.selected;
    if (!event) return;
    if (event.rejected) {
      if (kind === "confirmed") this.correct("added", null, { ...event, score: event.score ?? 1 });
      return;
    }
    if (kind !== "confirmed") this.select(null);
    this.correct(kind, event, null);
  }

  addEvent() {
    const label = this.openedLabel ?? this.selected?.label ?? this.lanes.rows[0]?.label;
    if (label === undefined) return;
    const each = this.answer.segment_seconds, start = Math.min(Math.floor(this.time / each) * each, this.lanes.duration - 0.05);
    const event = { label, stream: this.selected?.stream ?? 2, start, stop: Math.min(this.lanes.duration, start + each), score: 1 };
    this.correct("added", null, event);
    this.select(this.events.find((each) => same(each, event)) ?? null);
  }

  edited() {
    const before = this.selected;
    if (!before || before.rejected) return;
    const start = Number($("editor-start").value), stop = Math.min(this.lanes.duration, Number($("editor-stop").value)), label = $("editor-label").value.trim();
    if (!label || !(start >= 0 && start < stop)) {
      say("an event needs a label, and an end after its start", "alarm");
      return;
    }
    this.correct("changed", before, { ...before, label, stream: Number($("editor-stream").value), start, stop });
  }

  setEdge(edge) {
    const before = this.selected;
    if (!before || before.rejected) return;
    const after = { ...before, [edge]: this.time };
    if (after.start < after.stop) this.correct("changed", before, after);
  }

  /** What a person said of an event: true, false, or null. */
  judged() {
    const said = this.corrections.operations.filter((operation) => operation.kind === "confirmed" || operation.kind === "rejected");
    return (event) => {
      const found = said.findLast(({ before }) => before.label === event.label && MODALITIES.indexOf(before.modality) === event.stream && Math.abs(before.start - event.start) < 1e-6 && Math.abs(before.stop - event.stop) < 1e-6);
      return found ? found.kind === "confirmed" : null;
    };
  }

  judge(event, right) {
    this.correct(right ? "confirmed" : "rejected", event, null);
  }

  /** Require a score of one label in one stream, beside what its sliders require. */
  requireScore(label, stream, score) {
    const logit = (p) => Math.log(p / (1 - p)), { sliders } = this, key = `${label} (${WORDS[stream]})`;
    const wanted = logit(score) - logit(sliders.value("confidence_threshold"));
    sliders.setStrictness(key, Number((wanted - sliders.strictness(WORDS[stream]) - sliders.strictness(label)).toFixed(4)));
    say(`${label} (${WORDS[stream]}) now needs a score above ${score.toFixed(3)}`);
  }

  // Taking along.

  formats() {
    const chosen = $("format").value || ".json";
    $("format").replaceChildren(...this.state.formats.map(({ ending, name: called }) => el("option", { value: ending }, called ? `${called} (${ending})` : ending)));
    $("format").value = chosen;
  }

  async take(ending) {
    if (!this.answer) return say("find something first", "alarm");
    const what = ending === null ? "moments?" : `export?ending=${encodeURIComponent(ending)}`;
    const path = () => `/api/answers/${this.answer.answer}/${what}${$("with-corrections").checked ? "" : "&plain"}`;
    if (ending === null) say("cutting clips");
    try {
      await download(path()).catch(async (refusal) => {
        if (refusal.code !== "E_GONE") throw refusal;
        // The server was started again, or answered much else meanwhile.
        await this.ask(this.answer.labels);
        await download(path());
      });
    } catch (refusal) {
      say(refusal.message, "alarm");
    }
  }

  async copyCommand() {
    if (!this.answer) return;
    try {
      await navigator.clipboard.writeText(this.answer.command);
      say("copied");
    } catch {
      say(this.answer.command);
    }
  }

  // Keys.

  key(event, typing) {
    if (typing || event.target.matches("button, summary, a") && (event.key === " " || event.key === "Enter")) return;
    const slides = event.target.matches("input[type='range']") && event.key.startsWith("Arrow");
    if (slides || !this.video) return;
    const control = event.ctrlKey || event.metaKey, step = (this.answer?.segment_seconds ?? 1) * (event.shiftKey ? 10 : 1);
    const deck = this.deck.isOpen && this.deck.label !== null && !event.shiftKey && !control;
    const keys = {
      " ": () => this.media && (this.media.paused ? this.media.play().catch(() => {}) : this.media.pause()),
      ArrowLeft: () => (deck ? this.deck.back() : this.seekBy(-step)), ArrowRight: () => (deck ? this.deck.skip() : this.seekBy(step)),
      ArrowUp: () => (deck ? this.deck.judge(true) : this.table.step(-1)), ArrowDown: () => (deck ? this.deck.judge(false) : this.table.step(1)),
      "+": () => this.lanes.zoom(0.7, this.time), "=": () => this.lanes.zoom(0.7, this.time), "-": () => this.lanes.zoom(1.4, this.time), 0: () => this.lanes.fit(),
      ",": () => this.lanes.pan(-0.25), ".": () => this.lanes.pan(0.25),
      Enter: () => this.selected && this.loop(this.loops === this.selected ? null : this.selected),
      n: () => this.addEvent(), "[": () => this.setEdge("start"), "]": () => this.setEdge("stop"),
      1: () => this.setStream(0), 2: () => this.setStream(1), 3: () => this.setStream(2),
      c: () => this.mark("confirmed"), x: () => this.mark("rejected"), Delete: () => this.mark("removed"), Backspace: () => this.mark("removed"),
      o: () => this.selected && this.openLabel(this.selected.label), Escape: () => this.select(null),
    };
    const undo = control && event.key.toLowerCase() === "z", redo = (undo && event.shiftKey) || (control && event.key.toLowerCase() === "y");
    const act = redo ? () => this.corrections.redo() : undo ? () => this.corrections.undo() : control || event.altKey ? null : keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  seekBy(seconds) {
    this.seek(this.time + seconds);
    this.lanes.reveal(this.time);
  }

  setStream(stream) {
    const before = this.selected;
    if (before && !before.rejected && before.stream !== stream) this.correct("changed", before, { ...before, stream });
  }
}

const same = (one, other) => one.label === other.label && one.stream === other.stream && Math.abs(one.start - other.start) < 1e-6 && Math.abs(one.stop - other.stop) < 1e-6;
