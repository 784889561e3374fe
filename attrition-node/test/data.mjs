// Rows of people who never were, by a seed.

/** Uniform numbers in [0, 1). */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Texts that a careless packer mixes up: numbers in odd writing, truth values, a replacement character. */
export const levels = [
  "1", "2.5", "true", "false", "0", "-0", "-1", "1e+21", "1000000000000000000000", "1e-7", "0.0000001", "NaN", "",
  "9007199254740993", "9007199254740992", "9223372036854775807", "\uFFFD", "ä", "日本", "😀", "constructor", "Infinity",
];

/** Rows with columns of every kind, gaps, and names that objects inherit. */
export function people(n, seed = 1) {
  const random = generator(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  return Array.from({ length: n }, (_, i) => {
    const age = 20 + Math.floor(random() * 40);
    const overtime = pick(["Yes", "No", "No"]);
    const risk = 1 / (1 + Math.exp(1 + (age - 40) / 10 - (overtime === "Yes" ? 1.5 : 0)));
    return {
      Age: age,
      Income: random() < 0.1 ? null : 1000 + random() * 9000,
      OverTime: overtime,
      Remote: random() < 0.5,
      Level: random() < 0.05 ? null : pick(levels),
      constructor: Math.floor(random() * 5),
      toString: pick(["a", "b"]),
      Hired: new Date(Date.UTC(2000, 0, 1) + i * 86_400_000 + Math.floor(random() * 1000)),
      Attrition: random() < risk ? "Yes" : "No",
    };
  });
}

/** Of tests that are not about the choice of a learner. */
export const target = { target: "Attrition", positive: "Yes", learner: "logistic" };
