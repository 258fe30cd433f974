// A catalogue of English and Chinese in, the Chinese of a text out. words.py does the same; the tests
// hold both to the same cases. Case matters only where two entries differ in it. An entry may have placeholders:
//   {#n}      a number
//   {@who}    a name, which stays as it is
//   {&who}    names in a row; what is said around them is looked up in entries that begin with {&
//   {+what}   parts with commas between them, each looked up
//   {=month}  one of the words of the class "=month", an entry of the catalogue
//   {what}    words, which are looked up themselves

const LETTERS = /[A-Za-z]/;
const NUMBER = /(?<![\p{L}\d])\d+(?:[.,:]\d+)*|(?<![^\s(])–(?![^\s)])/gu;
const HOLE = /\{([#@&+=]?)(\w+)\}/g;
const SLOT = "\u0000";
const GROUPS = { "#": "(\\d+(?:[.,:]\\d+)*|–)", "@": "((?:(?! · |[;:,] ).)+?)", "&": "(.+)", "": "(.+?)" };
// What stands between parts of a text, and what does there in Chinese.
const COMMA = [", ", "，"];
const LINES = [["\n", "\n"], [" · ", " · "]];
const JOINTS = [...LINES, ["; ", "；"], COMMA, [": ", "："]];
const MOST_KEPT = 20000;

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// The holes of a sentence, filled by name.
const filled = (chinese, names, values) => chinese.replace(HOLE, (_, kind, name) => values[names.indexOf(name)]);

// A sentence with words in it, as an anchored expression, and the longest piece that must occur.
function compile(english, chinese, classes) {
  const holes = [...english.matchAll(HOLE)];
  const pieces = english.replace(HOLE, SLOT).split(SLOT);
  const group = ([, kind, name]) => (kind === "=" ? `(${classes[`=${name}`]})` : GROUPS[kind] ?? GROUPS[""]);
  const source = pieces.map((piece, n) => literal(piece) + (holes[n] ? group(holes[n]) : "")).join("");
  const longest = pieces.reduce((a, b) => (b.length > a.length ? b : a)).toLowerCase();
  return {
    expression: new RegExp(`^${source}$`, "isu"),
    names: holes.map(([, , name]) => name),
    kinds: holes.map(([, kind]) => kind),
    chinese, longest, weight: pieces.join("").length,
  };
}

export class Words {
  constructor(catalogue) {
    this.exact = new Map(); // as written; where none is written so, in lower case
    this.counted = new Map(); // with numbers only: found at once, whatever the numbers are
    this.patterns = [];
    this.rows = []; // for names in a row only
    this.dates = []; // with numbers and words of a class only: no name looks like that
    this.kept = new Map();
    for (const [english, chinese] of Object.entries(catalogue)) {
      const holes = [...english.matchAll(HOLE)];
      if (english.startsWith("=")) continue;
      if (holes.length === 0) {
        const lower = english.toLowerCase();
        if (!this.exact.has(lower)) this.exact.set(lower, chinese);
        this.exact.set(english, chinese);
      } else if (holes.every(([, kind]) => kind === "#")) {
        const names = holes.map(([, , name]) => name);
        this.counted.set(english.replace(HOLE, SLOT).toLowerCase(), { names, chinese });
      } else (english.startsWith("{&") ? this.rows : this.patterns).push(compile(english, chinese, catalogue));
    }
    for (const some of [this.patterns, this.rows]) some.sort((a, b) => b.weight - a.weight); // what says most is meant
    this.dates = this.patterns.filter(({ kinds }) => kinds.every((kind) => kind === "#" || kind === "="));
  }

  // The Chinese of a text, or null where there is none. Spaces around it stay.
  say(text) {
    if (!LETTERS.test(text)) return null;
    if (text.includes("\n")) return this.lines(text);
    const known = this.kept.get(text);
    if (known !== undefined) return known;
    const core = text.trim().replaceAll("\u00a0", " "); // ipywidgets writes options like that
    const chinese = this.find(core);
    const said = chinese === null ? null : text.replace(text.trim(), () => chinese);
    if (this.kept.size >= MOST_KEPT) this.kept.clear();
    this.kept.set(text, said);
    return said;
  }

  find(core) {
    return this.plain(core) ?? this.sentence(core, this.patterns) ?? this.parts(core, JOINTS);
  }

  // Many lines together are hardly met twice, but as the title and the label of one cell.
  lines(text) {
    if (this.last?.text !== text) this.last = { text, said: this.parts(text, LINES) };
    return this.last.said;
  }

  plain(core) {
    const lower = core.toLowerCase();
    const exact = this.exact.get(core) ?? this.exact.get(lower);
    if (exact !== undefined) return exact;
    const numbers = [];
    const counted = this.counted.get(lower.replace(NUMBER, (number) => {
      numbers.push(number);
      return SLOT;
    }));
    if (counted === undefined || counted.names.length !== numbers.length) return null;
    return filled(counted.chinese, counted.names, numbers);
  }

  sentence(core, patterns) {
    const lower = core.toLowerCase();
    for (const { expression, names, kinds, chinese, longest } of patterns) {
      const found = lower.includes(longest) ? expression.exec(core) : null;
      if (found === null) continue;
      return filled(chinese, names, found.slice(1).map((value, n) => this.value(kinds[n], value)));
    }
    return null;
  }

  value(kind, value) {
    if (kind === "&") return this.row(value);
    if (kind === "+") return this.parts(value, [COMMA]) ?? this.say(value) ?? value;
    return kind === "" || kind === "=" ? this.say(value) ?? value : value;
  }

  // Names in a row: no name is looked up, only what is said around them, and dates.
  row(value) {
    const said = this.sentence(value, this.rows) ?? this.sentence(value, this.dates);
    if (said !== null) return said;
    if (value.includes(", ")) return value.split(", ").map((part) => this.row(part)).join("、");
    return /^\d/.test(value) ? this.say(value) ?? value : value;
  }

  // A text of several parts: where one of them is known, what is not stays as it is.
  parts(core, joints) {
    for (const [joint, between] of joints) {
      if (!core.includes(joint)) continue;
      const pieces = core.split(joint);
      const said = pieces.map((piece) => this.say(piece));
      if (said.some((chinese) => chinese !== null)) return said.map((chinese, n) => chinese ?? pieces[n]).join(between);
    }
    return null;
  }
}
