/** The method as the page needs it while a threshold moves: Eq. 5 to 8 exactly, Eq. 9 from means of scores (exact for seen).
 *
 * Arrays of scores are name-major: the scores of label c are at [c * segments, (c + 1) * segments). Numbers are compared as the
 * server compares them: scores and the thresholds of selection and confidence in float32, moving thresholds in float64.
 */

export const HEARD = 0, SEEN = 1, BOTH = 2;
export const WORDS = ["heard", "seen", "both"];
export const MODALITIES = ["audio", "visual", "audio_visual"];

/** What the server packed: a line of JSON, then arrays. */
export function unpack(buffer) {
  const bytes = new Uint8Array(buffer);
  const stop = bytes.indexOf(10) + 1;
  const { segments, categories } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, stop)));
  let at = stop;
  const take = (type, length) => {
    const array = new type(buffer, at, length);
    at += array.byteLength;
    return array;
  };
  const similarity = [0, 1, 2].map(() => take(Float64Array, segments));
  const heard = take(Float32Array, segments * categories), seen = take(Float32Array, segments * categories);
  const windowOf = take(Int32Array, segments), isHeard = take(Uint8Array, segments), isSeen = take(Uint8Array, segments);
  return { segments, categories, similarity, heard, seen, windowOf, isHeard, isSeen };
}

/** σ(σ⁻¹(score) + deviations). */
export function shifted(score, deviations) {
  if (deviations === 0 || !(score > 0 && score < 1)) return score;
  return 1 / (1 + ((1 - score) / score) * Math.exp(-deviations));
}

/** How much more is required of each label in a stream, in standard deviations; 0 where nothing is. */
export function strictnessOf(labels, stream, strictness) {
  const word = WORDS[stream], all = strictness[word] ?? 0;
  return labels.map((label) => all + ((strictness[label] ?? 0) + (strictness[`${label} (${word})`] ?? 0)));
}

/** Thresholds of Eq. 7 and 8 for one stream.
 *
 * scores: rows of Float32Array or Float64Array, one a category; similarity: Float64Array or null; observed: Uint8Array;
 * allowed: rows of Uint8Array or null. Returns { thresholds: rows of Float64Array, present: rows of Uint8Array }.
 */
export function movingThresholds(scores, observed, similarity, allowed, { initial, decay, rule, ridge, timesScores }) {
  const K = scores.length, T = observed.length;
  const thresholds = scores.map(() => new Float64Array(T)), present = scores.map(() => new Uint8Array(T));
  const threshold = Float64Array.from(initial), times = new Float64Array(K), p = new Float64Array(K);
  // How far a label's threshold still moves; it falls with each segment in which the label is present.
  const step = Float64Array.from(initial);
  const withRatio = rule === "ratio" || rule === "ratio-cosine", withCosine = rule === "cosine" || rule === "ratio-cosine";
  const slotOf = new Int32Array(K).fill(-1), categoryIn = new Int32Array(K), fresh = new Int32Array(K);
  const columns = new Float64Array(K * K), gram = new Float64Array(K * K), factor = new Float64Array(K * (K + 1));
  const product = new Float64Array(K), solution = new Float64Array(K);
  let used = 0, undefinedScores = false, count = 0;

  for (let t = 0; t < T; t++) {
    if (observed[t]) {
      let energy = 0;
      for (let c = 0; c < K; c++) {
        const score = scores[c][t];
        p[c] = score;
        energy += score * score;
      }
      const finite = Number.isFinite(energy);
      let multiplied = false;
      if (count > 0 && rule !== "static") {
        const scale = withCosine && similarity ? similarity[t] : 1;
        if (!withRatio) {
          for (let c = 0; c < K; c++) threshold[c] -= step[c] * scale;
        } else if (undefinedScores || !finite) {
          threshold.fill(NaN);
        } else if (used) {
          // No part of the solution is larger than |p| / 2√ridge: where that cannot change a float64, nothing is solved.
          const most = (Math.abs(scale) * Math.sqrt(energy)) / (2 * Math.sqrt(ridge));
          let moves = false;
          for (let a = 0; a < used && !moves; a++) {
            const c = categoryIn[a];
            moves = !(step[c] * (timesScores ? Math.abs(p[c]) : 1) * most < Math.abs(threshold[c]) * NEGLIGIBLE);
          }
          if (moves) {
            multiply(columns, p, used, K, product);
            multiplied = true;
            solve(gram, product, used, K, count, ridge, factor, solution);
            for (let a = 0; a < used; a++) {
              const c = categoryIn[a];
              threshold[c] -= step[c] * scale * solution[a] * (timesScores ? p[c] : 1);
            }
          }
        }
      }
      let news = 0;
      for (let c = 0; c < K; c++) {
        if (p[c] > threshold[c] && (!allowed || allowed[c][t])) {
          present[c][t] = 1;
          times[c] += 1;
          step[c] = initial[c] * Math.exp(-decay * times[c]);
          fresh[news++] = c;
        }
      }
      count += 1;
      undefinedScores ||= !finite;
      if (withRatio && news && !undefinedScores) {
        if (!multiplied) multiply(columns, p, used, K, product);
        for (let i = 0; i < news; i++) {
          const c = fresh[i];
          if (slotOf[c] < 0) {
            slotOf[c] = used;
            categoryIn[used] = c;
            product[used] = 0;
            used += 1;
          }
        }
        for (let i = 0; i < news; i++) {
          const b = slotOf[fresh[i]];
          for (let a = 0; a < used; a++) {
            gram[a * K + b] += product[a];
            gram[b * K + a] += product[a];
          }
          for (let j = 0; j < news; j++) gram[b * K + slotOf[fresh[j]]] += energy;
          for (let c = 0, at = b * K; c < K; c++, at++) columns[at] += p[c];
        }
      }
    }
    for (let c = 0; c < K; c++) thresholds[c][t] = threshold[c];
  }
  return { thresholds, present };
}

/** Half of half a unit in the last place of a float64: what is added below this share changes nothing. */
const NEGLIGIBLE = 2 ** -55;

// In both of the following four sums run side by side, as each addition alone would wait for the one before it.

/** Each used column times p. */
function multiply(columns, p, used, K, product) {
  let a = 0;
  for (; a + 4 <= used; a += 4) {
    let at = a * K, s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let c = 0; c < K; c++, at++) {
      const score = p[c];
      s0 += score * columns[at];
      s1 += score * columns[at + K];
      s2 += score * columns[at + 2 * K];
      s3 += score * columns[at + 3 * K];
    }
    product[a] = s0;
    product[a + 1] = s1;
    product[a + 2] = s2;
    product[a + 3] = s3;
  }
  for (; a < used; a++) {
    let sum = 0;
    for (let c = 0, at = a * K; c < K; c++, at++) sum += p[c] * columns[at];
    product[a] = sum;
  }
}

/** (gram / n² + ridge · I) x = product / n, by Cholesky's factors of gram + ridge · n² · I; the right side is the last row. */
function solve(gram, product, size, K, n, ridge, L, x) {
  const shift = ridge * n * n;
  for (let i = 0; i < size; i++) {
    for (let j = 0, at = i * K; j <= i; j++, at++) L[at] = gram[at];
    L[i * K + i] += shift;
    L[size * K + i] = product[i];
  }
  for (let j = 0; j < size; j++) {
    const own = j * K;
    let diagonal = L[own + j];
    for (let k = 0; k < j; k++) diagonal -= L[own + k] * L[own + k];
    diagonal = Math.sqrt(diagonal);
    L[own + j] = diagonal;
    const inverse = 1 / diagonal;
    let i = j + 1;
    for (; i + 3 <= size; i += 4) {
      const r0 = i * K, r1 = r0 + K, r2 = r1 + K, r3 = r2 + K;
      let s0 = L[r0 + j], s1 = L[r1 + j], s2 = L[r2 + j], s3 = L[r3 + j];
      for (let k = 0; k < j; k++) {
        const value = L[own + k];
        s0 -= L[r0 + k] * value;
        s1 -= L[r1 + k] * value;
        s2 -= L[r2 + k] * value;
        s3 -= L[r3 + k] * value;
      }
      L[r0 + j] = s0 * inverse;
      L[r1 + j] = s1 * inverse;
      L[r2 + j] = s2 * inverse;
      L[r3 + j] = s3 * inverse;
    }
    for (; i <= size; i++) {
      const row = i * K;
      let sum = L[row + j];
      for (let k = 0; k < j; k++) sum -= L[row + k] * L[own + k];
      L[row + j] = sum * inverse;
    }
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = L[size * K + i];
    for (let k = i + 1; k < size; k++) sum -= L[k * K + i] * x[k];
    x[i] = sum / L[i * K + i];
  }
  for (let i = 0; i < size; i++) x[i] *= n;
}

/** The maximal runs of a mask as [start, stop). */
export function runs(mask) {
  const found = [];
  let start = -1;
  for (let t = 0; t <= mask.length; t++) {
    if (t < mask.length && mask[t]) {
      if (start < 0) start = t;
    } else if (start >= 0) {
      found.push([start, t]);
      start = -1;
    }
  }
  return found;
}

/** Gaps filled and short runs dropped, in the order that the settings name. */
export function candidateRuns(mask, minimum, gap, mergeFirst) {
  const long = (list) => list.filter(([start, stop]) => stop - start >= minimum);
  const merged = (list) => {
    const kept = [];
    for (const [start, stop] of list) {
      const last = kept[kept.length - 1];
      if (last && start - last[1] <= gap) last[1] = stop;
      else kept.push([start, stop]);
    }
    return kept;
  };
  return mergeFirst ? long(merged(runs(mask))) : merged(long(runs(mask)));
}

/** The highest observed score of each label in each window, and in which windows anything was observed. */
function windowPeaks(rows, observed, windowOf) {
  const T = windowOf.length, windows = T ? windowOf[T - 1] + 1 : 0, has = new Uint8Array(windows);
  for (let t = 0; t < T; t++) if (observed[t]) has[windowOf[t]] = 1;
  return { has, peaks: rows.map((row) => {
    const peak = new Float32Array(windows);
    for (let t = 0; t < T; t++) if (observed[t] && row[t] > peak[windowOf[t]]) peak[windowOf[t]] = row[t];
    return peak;
  }) };
}

/** Which labels are looked for in which windows (Eq. 5), also beside a window in which they stand out; null for the others. */
function allowedRows({ has, peaks }, windowOf, settings, deviations) {
  return peaks.map((peak, c) => {
    const threshold = Math.fround(shifted(settings.category_threshold, Math.min(0, deviations[c])));
    const near = (w) => has[w] && (!settings.select_categories || peak[w] > threshold || peak[w - 1] > threshold || peak[w + 1] > threshold);
    const windows = new Uint8Array(has.length), allowed = new Uint8Array(windowOf.length);
    for (let w = 0; w < windows.length; w++) windows[w] = near(w) ? 1 : 0;
    if (!windows.includes(1)) return null;
    for (let t = 0; t < allowed.length; t++) allowed[t] = windows[windowOf[t]];
    return allowed;
  });
}

/** Prefix sums of a stream's scores over what was observed, one row a label. */
function prefixSums(rows, observed) {
  const T = observed.length, counts = new Int32Array(T + 1);
  for (let t = 0; t < T; t++) counts[t + 1] = counts[t] + (observed[t] ? 1 : 0);
  return { counts, rows: rows.map((row) => {
    const sums = new Float64Array(T + 1);
    for (let t = 0; t < T; t++) sums[t + 1] = sums[t] + (observed[t] ? row[t] : 0);
    return sums;
  }) };
}

/** What a function gave last, kept while everything that it depends on is the same. */
class Kept {
  get(depends, make) {
    const key = JSON.stringify(depends);
    if (key !== this.key) [this.key, this.value] = [key, make()];
    return this.value;
  }
}

/** A clip's scores, ready to be parsed again and again; of each stream only what a changed setting touches is done anew. */
export class Parser {
  constructor(data, labels, segmentSeconds) {
    this.data = data;
    this.labels = labels;
    this.segmentSeconds = segmentSeconds;
    const { segments: T, categories: C } = data;
    const rowsOf = (flat) => Array.from({ length: C }, (_, c) => flat.subarray(c * T, (c + 1) * T));
    this.heard = rowsOf(data.heard);
    this.seen = rowsOf(data.seen);
    this.sums = [prefixSums(this.heard, data.isHeard), prefixSums(this.seen, data.isSeen)];
    this.isBoth = data.isHeard.map((heard, t) => heard & data.isSeen[t]);
    this.kept = [HEARD, SEEN, BOTH].map(() => ({ rows: new Kept(), allowed: new Kept(), moving: new Kept(), intervals: new Kept() }));
  }

  /** The scores of one stream: what is observed, and each window's highest. */
  stream(number, settings) {
    const { data } = this, observed = [data.isHeard, data.isSeen, this.isBoth][number];
    return this.kept[number].rows.get(number === BOTH ? settings.audio_weight : 0, () => {
      const rows = number === HEARD ? this.heard : number === SEEN ? this.seen : this.fused(settings.audio_weight);
      return { rows, observed, windows: windowPeaks(rows, observed, data.windowOf) };
    });
  }

  fused(weight) {
    const a = Math.fround(weight), v = Math.fround(1 - weight), round = Math.fround;
    return this.heard.map((heard, c) => {
      const seen = this.seen[c], row = new Float32Array(heard.length);
      for (let t = 0; t < row.length; t++) row[t] = round(round(v * seen[t]) + round(a * heard[t]));
      return row;
    });
  }

  /** Eq. 5 to 8 for one stream: which labels are looked for, where they are present, and their thresholds. */
  moving(number, settings, deviations) {
    const stream = this.stream(number, settings), lenient = deviations.map((each) => Math.min(0, each));
    const { initial_threshold, decay, threshold_rule: rule, ridge, ratio_times_scores: timesScores, category_threshold, select_categories, cosine_for_audio } = settings;
    const weight = number === BOTH ? settings.audio_weight : 0;
    const selection = [weight, lenient, category_threshold, select_categories];
    const every = this.kept[number].allowed.get(selection, () => allowedRows(stream.windows, this.data.windowOf, settings, deviations));
    return this.kept[number].moving.get([selection, initial_threshold, decay, rule, ridge, timesScores, cosine_for_audio], () => {
      const labels = every.flatMap((allowed, c) => (allowed ? [c] : []));
      const rows = labels.map((c) => stream.rows[c]), allowed = labels.map((c) => every[c]);
      const cosine = number !== HEARD || cosine_for_audio ? this.data.similarity[number] : null;
      const initial = labels.map((c) => shifted(initial_threshold, lenient[c]));
      return { labels, allowed, ...movingThresholds(rows, stream.observed, cosine, allowed, { initial, decay, rule, ridge, timesScores }) };
    });
  }

  /** The candidates of one stream with their scores: rows of [label, stream, first segment, last segment + 1, score]. */
  intervals(number, settings, moving) {
    const { minimum_duration_seconds, merge_gap_seconds, merge_first, hold_threshold, validate, audio_weight } = settings;
    const depends = [this.kept[number].moving.key, minimum_duration_seconds, merge_gap_seconds, merge_first, hold_threshold, validate, audio_weight];
    return this.kept[number].intervals.get(depends, () => {
      const { rows, observed } = this.stream(number, settings), found = [];
      const minimum = Math.max(1, Math.ceil(minimum_duration_seconds / this.segmentSeconds - 1e-6));
      const gap = Math.floor(merge_gap_seconds / this.segmentSeconds + 1e-6);
      moving.labels.forEach((c, k) => {
        let mask = moving.present[k];
        if (hold_threshold !== null && number !== BOTH) mask = held(mask, rows[c], Math.fround(hold_threshold), moving.allowed[k], observed);
        for (const [start, stop] of candidateRuns(mask, minimum, gap, merge_first)) {
          const score = validate ? this.intervalScore(number, c, start, stop, settings) : this.meanScore(number, c, start, stop, settings);
          found.push([c, number, start, stop, score]);
        }
      });
      return found;
    });
  }

  /** Every label's events, and what Eq. 9 rejects: rows of [label, stream, first segment, last segment + 1, score].
   *
   * A sixth number is 1 where an event is there because the other streams say so. With open, the scores and thresholds of
   * that label in each stream.
   */
  parse(settings, open = -1) {
    const events = [[], [], []], rejected = [], opened = [];
    for (const number of [SEEN, HEARD, BOTH]) {
      const deviations = strictnessOf(this.labels, number, settings.strictness ?? {});
      const moving = this.moving(number, settings, deviations);
      const required = deviations.map((each) => Math.fround(shifted(settings.confidence_threshold, each)));
      for (const interval of this.intervals(number, settings, moving)) {
        if (!settings.validate || interval[4] > required[interval[0]]) events[number].push(interval);
        else rejected.push(interval);
      }
      if (open >= 0) {
        const k = moving.labels.indexOf(open), { rows, observed } = this.stream(number, settings);
        opened[number] = { scores: rows[open].map((score, t) => (observed[t] ? score : NaN)), thresholds: k < 0 ? null : Float32Array.from(moving.thresholds[k]) };
      }
    }
    return { events: settings.consistent ? consistent(events, this.data.segments) : events.flat(), rejected, opened };
  }

  /** P′ of Eq. 9: the mean over the interval's segments; −∞ where a stream that it needs has none. */
  intervalScore(number, c, start, stop, settings) {
    const mean = (of) => {
      const { counts, rows } = this.sums[of], n = counts[stop] - counts[start];
      return n ? Math.fround((rows[c][stop] - rows[c][start]) / n) : -Infinity;
    };
    if (number !== BOTH) return mean(number);
    const a = Math.fround(settings.audio_weight), v = Math.fround(1 - settings.audio_weight);
    const heard = mean(HEARD), seen = mean(SEEN);
    return Number.isFinite(heard) && Number.isFinite(seen) ? Math.fround(Math.fround(v * seen) + Math.fround(a * heard)) : -Infinity;
  }

  /** The mean of a stream's own scores, where nothing is validated. */
  meanScore(number, c, start, stop, settings) {
    const { rows, observed } = this.stream(number, settings);
    let sum = 0, n = 0;
    for (let t = start; t < stop; t++) if (observed[t]) sum += rows[c][t], n += 1;
    return sum / n;
  }
}

/** Presence with hysteresis: one segment after a present one counts where its score is above the lower threshold. */
function held(present, row, hold, allowed, observed) {
  const mask = present.slice();
  for (let t = 1; t < mask.length; t++) if (present[t - 1] && row[t] > hold && allowed[t] && observed[t]) mask[t] = 1;
  return mask;
}

/** Streams of which none contradicts another: both is where heard and seen are, and nowhere else. */
function consistent(events, T) {
  const byLabel = new Map();
  for (const stream of events) for (const event of stream) {
    if (!byLabel.has(event[0])) byLabel.set(event[0], [[], [], []]);
    byLabel.get(event[0])[event[1]].push(event);
  }
  const found = [], masks = [HEARD, SEEN, BOTH].map(() => new Uint8Array(T)), wanted = masks.map(() => new Uint8Array(T));
  for (const [c, own] of byLabel) {
    for (const stream of [HEARD, SEEN, BOTH]) {
      masks[stream].fill(0);
      for (const [, , start, stop] of own[stream]) masks[stream].fill(1, start, stop);
    }
    const [heard, seen, both] = masks;
    for (let t = 0; t < T; t++) {
      wanted[BOTH][t] = both[t] | (heard[t] & seen[t]);
      wanted[HEARD][t] = heard[t] | wanted[BOTH][t];
      wanted[SEEN][t] = seen[t] | wanted[BOTH][t];
    }
    for (const stream of [HEARD, SEEN, BOTH]) {
      for (const [start, stop] of runs(wanted[stream])) {
        const [first] = within(own[stream], start, stop);
        const isOwn = first && first[2] === start && first[3] === stop;
        found.push(isOwn ? first : [c, stream, start, stop, grownScore(own, stream, start, stop), first ? 0 : 1]);
      }
    }
  }
  return found;
}

/** Those of disjoint ascending intervals that overlap [start, stop). */
function within(list, start, stop) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle][3] > start) high = middle;
    else low = middle + 1;
  }
  const first = low;
  while (low < list.length && list[low][2] < stop) low += 1;
  return list.slice(first, low);
}

function grownScore(own, stream, start, stop) {
  const highest = (list) => within(list, start, stop).reduce((best, event) => Math.max(best, event[4]), -Infinity);
  const score = highest(own[stream]);
  if (score !== -Infinity) return score;
  return stream === BOTH ? Math.min(highest(own[HEARD]), highest(own[SEEN])) : highest(own[BOTH]);
}

/** Rows as numbers, six each, lane by lane (labels, and of each heard, seen, both), with where each lane begins; starts ascend. */
export function packed(rows, labels) {
  const begins = new Int32Array(3 * labels + 1), numbers = new Float64Array(6 * rows.length);
  for (const [c, stream] of rows) begins[3 * c + stream + 1] += 1;
  for (let lane = 0; lane < 3 * labels; lane++) begins[lane + 1] += begins[lane];
  const next = begins.slice();
  for (const row of rows) numbers.set(row, 6 * next[3 * row[0] + row[1]]++);
  return { numbers, begins };
}
