"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = data.rows;
  const VERIFIED = 0;
  const ROW_HEIGHT = 32;
  const GLYPHS = ["✓", "✕", "?", "∅", "!", "–", "⚠"];
  // The gravest first: in this order they are sorted.
  const GRAVITY = [6, 0, 2, 3, 1, 5, 4];
  const FAULTS = {
    none: "nobody's",
    device: "its certificates, signature or protocol",
    policy: "it is not what the policy wants",
    reference: "firmware is not what reference values say",
    configuration: "an anchor, a profile or a clock on this side",
    transport: "network, power or cable on the way to it",
    us: "this program",
  };
  const at = (id) => document.getElementById(id);
  /** An element with text; whatever a device is called stays text. */
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const svg = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const outcome = (row) => data.outcomes[row.o];
  const words = (name) => name.replaceAll("_", " ");
  const number = (value) => value.toLocaleString("en");
  const share = (part, all) => (all === 0 ? "–" : `${(100 * part / all).toFixed(part && part / all < 0.01 ? 2 : 1)} %`);
  const duration = (ms) => {
    if (ms < 1000) return `${ms} ms`;
    if (ms < 60000 && ms % 1000 === 0) return `${ms / 1000} s`;
    if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
    const seconds = Math.round(ms / 1000);
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  };
  const clock = (ms) => new Date(data.started + ms).toISOString().replace("T", " ").replace(".000Z", "Z");
  const check = (row) => (row.r ? row.r.check : "");
  const why = (row) => `${row.f}|${check(row)}`;
  // Attempts of a row: number, outcome, begin and end in milliseconds after the run began.
  const attempts = (row) => row.p || [[row.n, row.o, row.b, row.e]];

  const counts = data.outcomes.map(() => 0);
  for (const row of rows) counts[row.o] += 1;
  const failed = rows.length - counts[VERIFIED];
  const untried = data.missing + data.unfinished;

  const filter = { failed: failed > 0, outcome: null, why: null, c: null, s: null, text: "" };
  const order = { by: "o", down: false };
  const known = new Map();
  let list = [];
  let chosen = null;

  // ---- The head of the page

  const head = () => {
    document.title = `${data.job.name}: ${number(data.items - counts[VERIFIED])} of ${number(data.items)} not verified`;
    at("job").textContent = data.job.name;
    at("about").textContent = [
      `began ${clock(0)}`, `${number(data.items)} devices`, `${number(data.attempts)} attempts`,
      `job ${data.job.digest.slice(0, 12)}`,
    ].join(" · ");
    const others = data.items - counts[VERIFIED];
    const verdict = at("verdict");
    verdict.className = others === 0 && failed === 0 ? "verdict good" : "verdict bad";
    verdict.textContent = others === 0 && failed === 0
      ? `✓ all ${number(data.items)} verified` : `✕ ${number(others)} of ${number(data.items)} not verified`;
    const warnings = [];
    if (data.missing) warnings.push(`${number(data.missing)} devices were not tried: the run was stopped. They are not in the list below.`);
    if (data.unfinished) warnings.push(`${number(data.unfinished)} devices should have been tried again: the run was stopped.`);
    if (data.torn) warnings.push("The last line of the journal was cut off, and counts for nothing.");
    if (data.left_out) warnings.push(`Of ${number(data.left_out)} devices the measurements are left out, to keep this page small. The journal has them.`);
    at("warnings").textContent = warnings.join("\n");
    at("warnings").hidden = warnings.length === 0;
    meter(at("share"), counts, rows.length + data.missing);
    const tiles = at("tiles");
    data.outcomes.forEach((name, index) => {
      const tile = make("button", `tile tone-${name}${counts[index] ? "" : " none"}`);
      tile.type = "button";
      tile.dataset.outcome = name;
      tile.append(make("b", "", number(counts[index])), make("span", "", `${GLYPHS[index]} ${words(name)} `),
        make("span", "muted", share(counts[index], data.items)));
      tile.addEventListener("click", () => toggle("outcome", index));
      tiles.append(tile);
    });
  };

  /** Parts of a whole, each in the colour of its outcome; the gravest first. */
  const meter = (into, of, whole) => {
    const kinds = of.map((count, kind) => [kind, count]).filter(([, count]) => count > 0);
    kinds.sort(([a], [b]) => GRAVITY[a] - GRAVITY[b]);
    for (const [kind, count] of kinds) {
      const part = make("i", `fill tone-${data.outcomes[kind]}`);
      part.style.width = `${100 * count / Math.max(whole, 1)}%`;
      into.append(part);
    }
  };

  // ---- Groups

  const grouped = (key) => {
    const groups = new Map();
    for (const row of rows) {
      const name = key(row);
      let group = groups.get(name);
      if (!group) groups.set(name, group = { name, row, counts: data.outcomes.map(() => 0), total: 0, failed: 0 });
      group.counts[row.o] += 1;
      group.total += 1;
      if (row.o !== VERIFIED) group.failed += 1;
    }
    return [...groups.values()].sort((a, b) => b.failed - a.failed || b.total - a.total);
  };
  const MOST = 200;
  const groups = (id, key, names) => {
    const into = at(id);
    const all = grouped((row) => row[key]);
    const worst = Math.max(...all.map((group) => group.failed), 1);
    for (const group of all.slice(0, MOST)) {
      const line = make("button", "line");
      line.type = "button";
      line.dataset[key] = group.name;
      const bar = make("span", "meter");
      meter(bar, group.counts.map((count, kind) => (kind === VERIFIED ? 0 : count)), worst);
      bar.classList.toggle("clean", group.failed === 0);
      const text = group.failed ? `${number(group.failed)} of ${number(group.total)}` : `✓ ${number(group.total)}`;
      const count = make("span", "count", text);
      if (!group.failed) count.classList.add("muted");
      line.append(make("span", "name", names[group.name]), bar, count);
      line.title = `${names[group.name]}: ${group.failed} of ${group.total} not verified`;
      line.addEventListener("click", () => toggle(key, group.name));
      into.append(line);
    }
    if (all.length > MOST) {
      const rest = all.slice(MOST);
      const left = rest.reduce((sum, group) => sum + group.failed, 0);
      into.append(make("p", "empty", `and ${number(rest.length)} more, of which ${number(left)} devices are not verified: search finds them`));
    }
  };
  const reasons = () => {
    const into = at("why");
    const all = grouped(why).filter((group) => group.failed);
    for (const group of all.slice(0, MOST)) {
      const fault = data.faults[group.row.f];
      const line = make("button", `line why tone-${outcome(group.row)}`);
      line.type = "button";
      line.dataset.why = group.name;
      const name = make("span", "name");
      name.append(make("span", "", check(group.row) || words(outcome(group.row))), make("small", "", `${fault} · ${FAULTS[fault]}`));
      line.append(name, make("span", "count outcome", number(group.failed)));
      line.addEventListener("click", () => toggle("why", group.name));
      into.append(line);
    }
    if (all.length === 0) into.append(make("p", "empty", "Every device that was tried is verified."));
  };

  // ---- Charts

  const WIDTH = 720, HEIGHT = 200, LEFT = 40, BOTTOM = 22, TOP = 8;
  const canvas = (id, width) => {
    const chart = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    at(id).append(chart);
    return chart;
  };
  const niceTop = (most) => {
    const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
    return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= most);
  };
  const scale = (chart, width, most, top, bottom) => {
    const y = (value) => bottom - (bottom - top) * value / most;
    for (const value of [...new Set([0, Math.round(most / 2), most])]) {
      chart.append(svg("line", { class: "axis", x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
        svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)));
    }
    return y;
  };
  const timeline = () => {
    const width = at("timeline").clientWidth || WIDTH;
    let begin = Infinity, end = 0, count = 0;
    for (const row of rows) {
      for (const [, , b, e] of attempts(row)) { begin = Math.min(begin, b); end = Math.max(end, e); count += 1; }
    }
    if (count === 0) { at("timeline").append(make("p", "empty", "No attempt was made.")); return; }
    const span = Math.max(end - begin, 1);
    const columns = Math.max(Math.min(Math.floor((width - LEFT) / 8), span), 1);
    const slots = Array.from({ length: columns }, () => data.outcomes.map(() => 0));
    for (const row of rows) {
      for (const [, kind, , e] of attempts(row)) slots[Math.min(Math.floor((e - begin) / span * columns), columns - 1)][kind] += 1;
    }
    const chart = canvas("timeline", width);
    chart.setAttribute("aria-label", "Attempts that ended, over time, by outcome; below those alone that are not verified");
    const step = (width - LEFT) / columns;
    const kinds = data.outcomes.map((_, kind) => kind).sort((a, b) => GRAVITY[b] - GRAVITY[a]);
    const stack = (of, top, bottom) => {
      const most = Math.max(...slots.map((slot) => of.reduce((sum, kind) => sum + slot[kind], 0)));
      if (most === 0) return;
      const y = scale(chart, width, niceTop(most), top, bottom);
      slots.forEach((slot, column) => {
        let sum = 0;
        for (const kind of of) {
          if (!slot[kind]) continue;
          const bar = svg("rect", { class: `fill tone-${data.outcomes[kind]}`, x: LEFT + column * step + 0.5, width: Math.max(step - 1, 1),
            y: y(sum + slot[kind]), height: Math.max(y(sum) - y(sum + slot[kind]), 1) });
          bar.append(svg("title", {}, `${slot[kind]} ${words(data.outcomes[kind])}, ${clock(Math.round(begin + (column + 1) / columns * span))}`));
          chart.append(bar);
          sum += slot[kind];
        }
      });
    };
    stack(kinds, TOP, 108);
    stack(kinds.filter((kind) => kind !== VERIFIED), 126, HEIGHT - BOTTOM);
    chart.append(svg("text", { x: width, y: 122, "text-anchor": "end" }, "only those not verified"));
    for (const [part, anchor] of [[0, "start"], [0.5, "middle"], [1, "end"]]) {
      chart.append(svg("text", { x: LEFT + part * (width - LEFT), y: HEIGHT - 6, "text-anchor": anchor }, `+${duration(Math.round(begin + part * span))}`));
    }
    for (const kind of [...kinds].reverse()) {
      if (!slots.some((slot) => slot[kind])) continue;
      const part = make("span", `legend tone-${data.outcomes[kind]}`);
      part.append(make("i", "key fill"), words(data.outcomes[kind]));
      at("legend").append(part);
    }
    const again = count - rows.length;
    at("time-note").textContent = `when they ended, after the run began; ${number(again)} of ${number(count)} were tried again`;
  };
  const latency = () => {
    const { edges, device, verify } = data.latency;
    const used = device.map((value, index) => value + verify[index]);
    const first = Math.max(used.findIndex((value) => value > 0), 0);
    const last = Math.max(used.findLastIndex((value) => value > 0), first);
    const width = at("latency").clientWidth || WIDTH / 2;
    const most = Math.max(...device, ...verify);
    if (most === 0) { at("latency").append(make("p", "empty", "No device answered.")); return; }
    const chart = canvas("latency", width);
    chart.setAttribute("aria-label", "Attempts by how long the device took, and judging");
    const y = scale(chart, width, niceTop(most), TOP, HEIGHT - BOTTOM);
    const step = (width - LEFT) / (last - first + 1);
    let path = "";
    for (let index = first; index <= last; index += 1) {
      const x = LEFT + (index - first) * step;
      const name = index < edges.length ? `≤ ${duration(edges[index])}` : `> ${duration(edges.at(-1))}`;
      const bar = svg("rect", { class: "device", x: x + 1, width: Math.max(step - 2, 1), y: y(device[index]), height: y(0) - y(device[index]) });
      bar.append(svg("title", {}, `${name}: ${device[index]} exchanges, ${verify[index]} judgements`));
      chart.append(bar);
      path += `${path ? "L" : "M"}${x},${y(verify[index])}L${x + step},${y(verify[index])}`;
      if (step > 58 || (index - first) % 2 === 0) {
        chart.append(svg("text", { x: x + step / 2, y: HEIGHT - 6, "text-anchor": "middle" }, name));
      }
    }
    chart.append(svg("path", { class: "verify", d: path }));
    const line = at("percentiles");
    for (const [name, key] of [["device", "device_ms"], ["verify", "verify_ms"]]) {
      const values = data.latency[key];
      if (!values) continue;
      const part = make("span", "");
      const mark = make("i", "key");
      mark.style.background = name === "device" ? "var(--accent)" : "var(--undecidable)";
      part.append(mark, `${name}  `);
      for (const percentile of ["p50", "p90", "p99", "max"]) {
        const value = make("b", "", duration(values[percentile]));
        value.dataset.percentile = `${name}.${percentile}`;
        part.append(`${percentile} `, value, "  ");
      }
      line.append(part, document.createElement("br"));
    }
    at("latency-note").textContent = `${number(data.latency.count)} attempts in which one answered`;
  };

  // ---- The list

  const COLUMNS = [
    ["o", "Outcome", (row) => GRAVITY[row.o]], ["t", "Target", (row) => row.t], ["c", "Class", (row) => data.classes[row.c]],
    ["s", "Site", (row) => data.sites[row.s]], ["r", "Check", (row) => check(row)], ["n", "Tries", (row) => row.n],
    ["ms", "Time", (row) => row.e - row.b],
  ];
  const NUMBERS = ["n", "ms"];
  const haystack = (row) => {
    // Made when somebody searches, and kept.
    if (row.hay === undefined) {
      row.hay = [row.t, data.classes[row.c], data.hosts[row.h], data.sites[row.s], row.i, ...Object.entries(row.l || {}).flat(),
        check(row), row.r ? row.r.detail : ""].join("\n").toLowerCase();
    }
    return row.hay;
  };
  const toggle = (key, value) => {
    filter[key] = filter[key] === value ? null : value;
    if (key === "outcome" && filter.outcome === VERIFIED) filter.failed = false;
    else if (["c", "s"].includes(key) && filter[key] !== null && !rows.some((row) => row[key] === value && row.o !== VERIFIED)) filter.failed = false;
    update();
  };
  /** The place of each row by a column, found once: 10.0.0.9 is in front of 10.0.0.10. */
  const ranks = (by) => {
    if (!known.has(by)) {
      const [, , value] = COLUMNS.find(([key]) => key === by);
      const natural = (key) => (typeof key === "string" ? key.replace(/\d+/g, (digits) => digits.padStart(12, "0")) : key);
      const keys = rows.map((row) => [natural(value(row)), row]);
      keys.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      known.set(by, new Map(keys.map(([, row], place) => [row, place])));
    }
    return known.get(by);
  };
  const update = () => {
    const terms = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
    list = rows.filter((row) =>
      (!filter.failed || row.o !== VERIFIED) && (filter.outcome === null || row.o === filter.outcome) &&
      (filter.c === null || row.c === filter.c) && (filter.s === null || row.s === filter.s) &&
      (filter.why === null || why(row) === filter.why) && terms.every((term) => haystack(row).includes(term)));
    const place = ranks(order.by);
    list.sort((a, b) => (order.down ? place.get(b) - place.get(a) : place.get(a) - place.get(b)));
    at("scroll").scrollTop = 0;
    marks();
    draw(true);
    if (!list.includes(chosen)) choose(list[0] || null);
  };
  const marks = () => {
    document.querySelectorAll(".tile").forEach((tile, index) => tile.setAttribute("aria-pressed", String(filter.outcome === index)));
    for (const key of ["c", "s", "why"]) {
      document.querySelectorAll(`.line[data-${key}]`).forEach((line) =>
        line.setAttribute("aria-pressed", String(filter[key] !== null && line.dataset[key] === String(filter[key]))));
    }
    at("failed").setAttribute("aria-pressed", String(filter.failed));
    at("all").setAttribute("aria-pressed", String(!filter.failed));
    const names = {
      outcome: () => words(data.outcomes[filter.outcome]), why: () => filter.why.split("|")[1] || data.faults[filter.why.split("|")[0]],
      c: () => `class ${data.classes[filter.c]}`, s: () => `site ${data.sites[filter.s]}`,
    };
    const chips = Object.keys(names).filter((key) => filter[key] !== null).map((key) => {
      const chip = make("button", "chip", `${names[key]()} ✕`);
      chip.type = "button";
      chip.addEventListener("click", () => toggle(key, filter[key]));
      return chip;
    });
    at("filters").replaceChildren(...chips);
    at("shown").textContent = `${number(list.length)} of ${number(rows.length)} shown`;
    at("head").replaceChildren(...COLUMNS.map(([key, name]) => {
      const cell = make("span", NUMBERS.includes(key) ? "number" : "");
      cell.setAttribute("role", "columnheader");
      const button = make("button", "", order.by === key ? `${name} ${order.down ? "▾" : "▴"}` : name);
      button.type = "button";
      if (order.by === key) {
        button.dataset.order = "yes";
        cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      }
      button.addEventListener("click", () => {
        Object.assign(order, order.by === key ? { down: !order.down } : { by: key, down: NUMBERS.includes(key) });
        update();
      });
      cell.append(button);
      return cell;
    }));
  };
  const line = (row, index) => {
    const element = make("div", `row tone-${outcome(row)}`);
    element.setAttribute("role", "row");
    element.setAttribute("aria-rowindex", String(index + 2));
    element.setAttribute("aria-selected", String(row === chosen));
    element.style.top = `${index * ROW_HEIGHT}px`;
    const cells = [
      make("span", "outcome", `${GLYPHS[row.o]} ${words(outcome(row))}`), make("span", "mono", row.t), make("span", "", data.classes[row.c]),
      make("span", "", data.sites[row.s]), make("span", "muted", check(row)), make("span", "number", String(row.n)),
      make("span", "number", duration(row.e - row.b)),
    ];
    for (const cell of cells) cell.setAttribute("role", "cell");
    cells[1].title = row.t;
    if (row.r) cells[4].title = row.r.detail;
    element.append(...cells);
    element.addEventListener("click", () => choose(row));
    return element;
  };
  let window_ = "";
  /** Only the rows that can be seen are in the page. */
  const draw = (force) => {
    const scroll = at("scroll");
    const first = Math.max(Math.floor(scroll.scrollTop / ROW_HEIGHT) - 8, 0);
    const last = Math.min(first + Math.ceil(scroll.clientHeight / ROW_HEIGHT) + 16, list.length);
    const now = `${first}-${last}`;
    if (!force && now === window_) return;
    window_ = now;
    const into = at("rows");
    into.style.height = `${list.length * ROW_HEIGHT}px`;
    into.parentElement.parentElement.setAttribute("aria-rowcount", String(list.length + 1));
    if (list.length === 0) { into.replaceChildren(make("p", "empty", "No device is like that.")); return; }
    into.replaceChildren(...list.slice(first, last).map((row, index) => line(row, first + index)));
  };
  const choose = (row) => {
    chosen = row;
    draw(true);
    detail();
  };
  const move = (to) => {
    if (list.length === 0) return;
    const index = Math.min(Math.max(to, 0), list.length - 1);
    const scroll = at("scroll");
    const top = index * ROW_HEIGHT;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + ROW_HEIGHT > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + ROW_HEIGHT - scroll.clientHeight;
    choose(list[index]);
  };

  // ---- One device

  const rowsOf = (pairs) => {
    const into = make("dl");
    for (const [name, value] of pairs) {
      if (value === undefined || value === null || value === "") continue;
      into.append(make("dt", "", name), make("dd", "", value));
    }
    return into;
  };
  const bytesOf = (hex) => hex.match(/../g) || [];
  /** The bytes of a value in groups of four, those that differ marked. */
  const bytes = (value, other, mask) => {
    const into = make("span", "bytes mono");
    const [mine, theirs, counts] = [bytesOf(value), bytesOf(other), bytesOf(mask || "")];
    let plain = "";
    mine.forEach((byte, index) => {
      const bits = counts[index] === undefined ? 255 : parseInt(counts[index], 16);
      const differs = theirs[index] === undefined || ((parseInt(byte, 16) ^ parseInt(theirs[index], 16)) & bits) !== 0;
      const space = index % 4 === 3 ? " " : "";
      if (differs) { into.append(plain, make("mark", "", byte), space); plain = ""; } else plain += byte + space;
    });
    into.append(plain);
    return into;
  };
  const measured = (value) => {
    const block = make("div", "measured");
    block.append(make("p", "what", `Measurement ${value.index} · ${words(value.type)} · ${value.raw ? "raw" : "digest"}`));
    const best = value.expected[0];
    const grid = make("div", "hex");
    const comparable = best && (best.form === "digest" || best.form === "raw");
    grid.append(make("span", "muted", "is"), comparable ? bytes(value.value, best.value, best.mask) : make("span", "bytes mono", value.svn ?? value.text ?? value.value));
    if (best) {
      const from = best.form === "min_svn" ? `${best.value} or higher` : best.value;
      grid.append(make("span", "muted", "expected"), comparable ? bytes(best.value, value.value, best.mask) : make("span", "bytes mono", from));
      const alternatives = value.alternatives > 1 ? `; ${value.alternatives - 1} other alternatives differ more` : "";
      const signer = best.signer ? `signed by ${best.signer}` : "which nobody signed";
      grid.append(make("span", "muted", "from"), make("span", "", `${best.file}, ${signer}${alternatives}`));
    } else {
      grid.append(make("span", "muted", "expected"), make("span", "", "nothing of that kind"));
    }
    if (value.cut) grid.append(make("span", "muted", ""), make("span", "muted", `the first bytes of ${value.cut}`));
    block.append(grid);
    return block;
  };
  const tries = (row) => {
    const into = make("div", "tries");
    const all = attempts(row);
    const begin = all[0][2];
    const span = Math.max(all.at(-1)[3] - begin, 1);
    for (const [n, kind, b, e] of all) {
      const tone = `tone-${data.outcomes[kind]}`;
      const track = make("span", "track");
      const part = make("i", `fill ${tone}`);
      part.style.left = `${99 * (b - begin) / span}%`;
      part.style.width = `${Math.max(99 * (e - b) / span, 1)}%`;
      track.append(part);
      into.append(make("span", `outcome ${tone}`, `${n} ${words(data.outcomes[kind])}`), track, make("span", "muted", `${clock(b).slice(11)}, ${duration(e - b)}`));
    }
    return into;
  };
  const detail = () => {
    const into = at("detail");
    const row = chosen;
    into.scrollTop = 0;
    if (!row) { into.replaceChildren(make("p", "muted", "Choose a device to see why.")); return; }
    const extra = row.x || {};
    const title = make("h3", "mono", row.t);
    const state = make("p", `outcome tone-${outcome(row)}`, `${GLYPHS[row.o]} ${words(outcome(row))}${row.z ? "" : ", to be tried again"}`);
    into.replaceChildren(title, state);
    if (row.r) {
      const reason = make("p", `reason tone-${outcome(row)}`);
      reason.append(make("b", "", row.r.check), make("br"), row.r.detail);
      into.append(reason);
    }
    const differing = extra.measurements || [];
    if (differing.length) {
      into.append(make("h4", "", "Expected against got"), ...differing.map(measured));
      if (extra.more_measurements) into.append(make("p", "muted", `and ${extra.more_measurements} more measurements: see the journal`));
    } else if (row.u) into.append(make("p", "muted", "Its measurements are left out of this page: see the journal."));
    const checks = (extra.checks || []).filter((failing) => !row.r || failing.check !== row.r.check || failing.detail !== row.r.detail);
    if (checks.length) into.append(make("h4", "", "Failing checks"), rowsOf(checks.map((failing) => [failing.check, failing.detail])));
    const fault = data.faults[row.f];
    into.append(make("h4", "", "Device"), rowsOf([
      ["fault", row.o === VERIFIED ? "" : `${fault} · ${FAULTS[fault]}`], ["class", data.classes[row.c]], ["host", data.hosts[row.h]],
      ...Object.entries(row.l || {}), ["subject", extra.subject], ["serial", extra.serial], ["root", extra.root],
      ["evidence", row.y], ["item", row.i], ["worker", row.w],
    ]));
    into.append(make("h4", "", "Attempts"), tries(row));
    into.append(rowsOf([["exchange", duration(row.d)], ["judging", duration(row.v)], ["waited", duration(row.q)], ["round trips", String(row.k)]]));
  };

  head();
  reasons();
  groups("classes", "c", data.classes);
  groups("sites", "s", data.sites);
  timeline();
  latency();
  at("failed").textContent = `not verified ${number(failed)}`;
  at("all").textContent = `all ${number(rows.length)}`;
  at("failed").addEventListener("click", () => { filter.failed = true; if (filter.outcome === VERIFIED) filter.outcome = null; update(); });
  at("all").addEventListener("click", () => { filter.failed = false; update(); });
  at("search").addEventListener("input", () => { filter.text = at("search").value; update(); });
  at("scroll").addEventListener("scroll", () => draw(false), { passive: true });
  window.addEventListener("resize", () => draw(true));
  at("scroll").addEventListener("keydown", (event) => {
    const here = list.indexOf(chosen);
    const page = Math.floor(at("scroll").clientHeight / ROW_HEIGHT);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: list.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
  update();
})();
